// Package hosts tests the program across hosts. Each host is a network namespace
// with processes of the program in it. In one test a bridge connects the namespaces.
// In the other the test itself carries the frames between them: it drops frames,
// delays them, and cuts the connection. The package holds tests only.
//
// The tests need Linux with network bridges, root, and the ip command of iproute2.
// Without root they are skipped, except in CI, see package roottest. Without the ip
// command they fail. They send nothing to an address outside their namespaces. They
// remove the namespaces at their end. The next run removes the namespaces of a test
// that was killed.
package hosts
