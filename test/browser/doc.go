// Package browser tests the settings page of issuer/page in Chromium, with
// JavaScript and without, and makes the pictures of docs/page.md. It is not
// released.
//
// The tests need a program chromium or google-chrome, and axe-core, which npm ci
// fetches. Where they are missing, the tests are skipped, or fail if
// BEARER_REQUIRE_SERVICES is set.
package browser
