// Package packagetest tests what tools/packages makes: packages in a root directory of Debian,
// images as the first processes of namespaces, and that two builds have the same bytes. It needs
// root, and what `make tools` installs. It starts processes in namespaces of their own, which end
// with each test.
package packagetest
