package web

// Places returns how many connections have a place.
func (s *Server) Places() int {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	return len(s.places.taken)
}
