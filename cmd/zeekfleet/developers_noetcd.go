//go:build noetcd

package main

// developers returns no commands: the program of sensors is small.
func developers() []command { return nil }
