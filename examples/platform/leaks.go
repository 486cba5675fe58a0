package main

import (
	"net/http"

	"github.com/blockauth/bearer/issuer/leak"
)

// handleLeaks adds where leaked keys are reported: by GitHub, and by everyone
// else. They are revoked.
func (p *platform) handleLeaks(mux *http.ServeMux) error {
	scanning, err := leak.GitHub(p.main, leak.GitHubConfig{KeysURL: p.backing.gitHubKeys})
	if err != nil {
		return err
	}
	reports, err := leak.Reports(p.main, leak.ReportsConfig{Limiter: p.backing.limiter})
	if err != nil {
		return err
	}
	mux.Handle("POST /leaks/github", scanning)
	mux.Handle("POST /leaks", reports)
	return nil
}
