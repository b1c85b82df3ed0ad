package carry

// Streams returns how many streams are open.
func (o *Opener) Streams() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.streams)
}

// Streams returns how many streams are being sent.
func (v *Server) Streams() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.writers)
}
