package tablestore

// OnAnswer makes f replace the body of each answer to a call that passed
// authentication, before it is signed: by an empty one, a part of it, or
// another. What the call did stays done. nil removes f.
func (s *Server) OnAnswer(f func(call string, body []byte) []byte) {
	if f == nil {
		s.onAnswer.Store(nil)
		return
	}
	s.onAnswer.Store(&f)
}

// replaced is what OnAnswer's function makes of a body.
func (s *Server) replaced(call string, body []byte) []byte {
	if f := s.onAnswer.Load(); f != nil {
		return (*f)(call, body)
	}
	return body
}
