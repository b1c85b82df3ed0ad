// Package browser is a browser for tests of the pages: Debian's Chromium without a window,
// driven by chromedp. A tab remembers what a user would not see: errors of scripts, errors in
// the console, violations of the content security policy. A test that leaves one fails.
//
// It is for tests alone. Start starts a process, and the goroutines of chromedp; both end with
// the test.
package browser
