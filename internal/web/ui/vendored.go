package ui

// Vendored is a file in this package that others wrote. It is as they have released it.
type Vendored struct {
	// File and Licence are names below files.
	File, Licence string
	// Package, Version and Source say where the file is from: the package of the registry
	// npm, and the path in it.
	Package, Version, Source string
	SHA256                   string
	// Terms is the licence by its SPDX name.
	Terms string
}

// VendoredFiles returns the files that others wrote.
func VendoredFiles() []Vendored {
	const htmx, uplot = "LICENSE.htmx.txt", "LICENSE.uplot.txt"
	return []Vendored{
		{"htmx.min.js", htmx, "htmx.org", "4.0.1", "dist/htmx.min.js", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130", "0BSD"},
		{"hx-sse.min.js", htmx, "htmx.org", "4.0.1", "dist/ext/hx-sse.min.js", "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103", "0BSD"},
		{"uPlot.iife.min.js", uplot, "uplot", "1.6.32", "dist/uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f", "MIT"},
		{"uPlot.min.css", uplot, "uplot", "1.6.32", "dist/uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04", "MIT"},
	}
}
