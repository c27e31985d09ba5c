package access

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Listen says where a service listens. The zero value is a free port of
// 127.0.0.1.
type Listen struct {
	// Address is HOST:PORT, "127.0.0.1:0" if empty. The host is localhost or an
	// IP address; port 0 is a free one.
	Address string
	// Remote allows an address that other machines can reach.
	Remote bool
	// Log gets a line for each request. It may be nil.
	Log io.Writer
	// Reset answers POST /reset, unless it is nil.
	Reset http.HandlerFunc
	// Open is net.Listen if nil. Its listeners must have SetDeadline, as TCP
	// listeners do.
	Open func(network, address string) (net.Listener, error)

	local bool // whatever Remote says
	kept  *kept
}

// ErrRemote is the reason to refuse an address that other machines can reach.
var ErrRemote = errors.New("it is not a loopback address")

// ListenError says that a service cannot listen.
type ListenError struct {
	Service string
	Address string
	Err     error // a syscall.Errno if the system refused
}

func (e *ListenError) Error() string {
	why := fmt.Sprint(e.Err)
	if e.Taken() {
		why = "another program listens there"
	}
	return fmt.Sprintf("%s cannot listen on %s: %s", e.Service, e.Address, why)
}

func (e *ListenError) Unwrap() error { return e.Err }

// Refused reports whether the address is wrong, whatever the system says.
func (e *ListenError) Refused() bool { return !errors.As(e.Err, new(syscall.Errno)) }

// Taken reports whether another program listens on the address.
func (e *ListenError) Taken() bool { return errors.Is(e.Err, syscall.EADDRINUSE) }

// kept is a port that stays open while one server after another uses it.
// Connections that come between two servers wait.
type kept struct{ listener net.Listener }

// Keep keeps the port open from the first Start until Release, even while no
// server uses it.
func (l *Listen) Keep() { l.kept = &kept{} }

// Release closes a kept port, which no server may use any more.
func (l Listen) Release() error {
	if l.kept == nil || l.kept.listener == nil {
		return nil
	}
	return l.kept.listener.Close()
}

// keeper is the listener of one server on a kept port.
type keeper struct{ net.Listener }

// Close ends Accept, and leaves the port open.
func (k keeper) Close() error { return setDeadline(k.Listener, time.Now()) }

func setDeadline(l net.Listener, t time.Time) error {
	return l.(interface{ SetDeadline(time.Time) error }).SetDeadline(t)
}

// Start opens the port of a service, whose requests wait until Serve. Its error
// is a *ListenError.
func (l Listen) Start(service string) (*Server, error) {
	address := l.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := l.open(address)
	if err != nil {
		return nil, &ListenError{service, address, err}
	}
	return &Server{listen: l, service: service, listener: listener}, nil
}

// StartLocal is Start for a service that runs programs: it listens on loopback,
// whatever Remote says.
func (l Listen) StartLocal(service string) (*Server, error) {
	l.local = true
	return l.Start(service)
}

func (l Listen) open(address string) (net.Listener, error) {
	if l.kept != nil && l.kept.listener != nil {
		return keeper{l.kept.listener}, setDeadline(l.kept.listener, time.Time{})
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.New("it must be HOST:PORT")
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	switch ip := net.ParseIP(host); {
	case host != "" && ip == nil:
		return nil, errors.New("the host must be an IP address or localhost")
	case ip != nil && ip.IsLoopback():
	case l.local:
		return nil, errors.New("it runs programs, so only a loopback address will do")
	case !l.Remote:
		return nil, ErrRemote
	}
	open := l.Open
	if open == nil {
		open = net.Listen
	}
	listener, err := open("tcp", net.JoinHostPort(host, port))
	var system syscall.Errno
	if errors.As(err, &system) {
		err = system // the rest says the address again
	}
	if err == nil && l.kept != nil {
		l.kept.listener = listener
		listener = keeper{listener}
	}
	return listener, err
}
