// Package durable puts files in place so that a crash or a power cut leaves
// either the old one or the new one. It starts nothing and keeps nothing.
package durable
