// Package deptest holds tests about the whole repository. They check that packages
// import exactly what the table in docs/architecture.md allows, that cores do no
// I/O and read no clock, that every package has one package comment, that functions
// and types are not too large, that public packages own their types, and that
// documents name only tests and files that exist, and that docs/states.md shows each
// change of a node's state. One tests scripts/fuzz. The package has no code of its own.
package deptest
