// Package runoption knows options of Zeek's configuration framework outside of Zeek: the
// forms of their values, and which options a node that is no Zeek has. It says what Zeek
// and our node script say of a wrong name or value. An embedded node and the fake Zeek of
// tests use it.
//
// It starts no goroutines. An Options may be used by several goroutines at once.
package runoption
