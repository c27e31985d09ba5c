package main

import (
	"net"
	"net/http"
	"sync/atomic"
)

// door is where processes of the measured programs come in: servers on ports of
// their own, which count connections.
type door struct {
	dials   atomic.Int64
	servers []*http.Server
}

// listen serves h on a port of its own, and returns the address.
func (d *door) listen(h http.Handler) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.dials.Add(1)
		}
	}}
	d.servers = append(d.servers, server)
	go server.Serve(listener)
	return listener.Addr().String(), nil
}

func (d *door) close() {
	for _, server := range d.servers {
		server.Close()
	}
}
