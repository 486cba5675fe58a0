// Package leak has the endpoints to which leaked API keys are reported: one in the
// format of GitHub's secret scanning partner program, and one for everyone else.
//
//	scanning, err := leak.GitHub(iss, leak.GitHubConfig{})
//	mux.Handle("POST /leaks/github", scanning)
//	reports, err := leak.Reports(iss, leak.ReportsConfig{})
//	mux.Handle("POST /leaks", reports)
//
// What is reported is revoked at once, or flagged, as Decide says: see
// [issuer.Issuer.ReportLeak]. Who is told of it is the application's affair: the
// issuer tells Config.Events key.leaked.
package leak
