package main_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// logged is what the platforms of all tests log.
var logged journal

// A journal is a log, and the secrets that must not be in it.
type journal struct {
	mu      sync.Mutex
	text    bytes.Buffer
	secrets map[string]bool
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) hides(secrets ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.secrets == nil {
		j.secrets = map[string]bool{}
	}
	for _, s := range secrets {
		j.secrets[s] = true
	}
}

// secretMember finds the members of an answer that are secret.
var secretMember = regexp.MustCompile(`"(?:key|token|access_token|refresh_token|apiSecret)":"([^"]{8,})"`)

// hidesAll adds the secrets of an answer: of a JWT, its signature.
func (j *journal) hidesAll(answer string) {
	for _, m := range secretMember.FindAllStringSubmatch(answer, -1) {
		j.hides(m[1][strings.LastIndexByte(m[1], '.')+1:])
	}
}

// leaks returns how many secrets stand in the log.
func (j *journal) leaks() (found, all int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := j.text.String()
	for s := range j.secrets {
		if strings.Contains(text, s) {
			found++
		}
	}
	return found, len(j.secrets)
}
