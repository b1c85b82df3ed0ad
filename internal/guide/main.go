package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: guide REFERENCE DIR, in the top directory of the repository")
		os.Exit(2)
	}
	if err := writeSite("docs", os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "guide:", err)
		os.Exit(1)
	}
}
