package web

import "testing"

// BenchmarkAPI shows why the API is made at the first request, and not when the
// controller starts.
func BenchmarkAPI(b *testing.B) {
	s, err := New(Config{Cluster: nobody{}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		newRoutes(s)
	}
}
