// Package page is the settings page on which the customers of an application
// manage their API keys and sessions: HTML and forms, in the application's own
// pages, without a build step and without anything that another host serves.
//
//	mux.Handle("/settings/keys", page.Handler(iss, page.Config{Name: "Acme"}))
//
// It shows and does what the endpoints of package [issuer] do, for the same
// caller and within the same bounds: keys are made, listed, edited, rotated,
// disabled and revoked, and sessions end. The text of a key is in one answer to
// one POST, and never in a URL, in the history, or in what a browser keeps.
//
// # Who is logged in
//
// The page asks the issuer, and so [issuer.Config.Caller], which reads the
// application's cookie, say. If that is nil, the page takes the JWT of a user as
// the endpoints do; no browser sends one by itself, so that a middleware in front
// of the page has to set the Authorization field from a cookie.
//
// # Where it stands
//
// The page is one path: what it shows is in the query, and all of its links are
// relative. It stands at any path, below any prefix, in any router, also at one
// that another server rewrites: let it have GET and POST of that path.
//
// It works without JavaScript. With it, keys are copied by a button, fields that
// do not apply are hidden, times are local, and the history never holds the
// answer with a key. It sets its own Content-Security-Policy, which allows no
// inline code or style and no frame, and refuses what another site sends by
// [net/http.CrossOriginProtection].
package page
