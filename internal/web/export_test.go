package web

// Places returns how many connections have a place.
func (s *Server) Places() int { return s.places.count() }
