package assistant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"

	"aftercare/shared/engine"
	"aftercare/shared/transport"
)

// Defaults of Config.
const (
	DefaultPerTry  = 10 * time.Second
	DefaultRetries = 4
)

// Config is the service that a Client talks to, and how long calls may take. The
// zero value of every field except Region is usable.
type Config struct {
	// Region is the region id that every request names, for example
	// cn-hangzhou.
	Region string
	// Endpoint is a host, host:port or URL; empty means
	// ecs.<region>.aliyuncs.com. It is reached by https, except for an http URL of
	// a loopback address.
	Endpoint string
	// PerTry bounds one try, from dialling to the last byte of the answer;
	// 0 means DefaultPerTry.
	PerTry time.Duration
	// Retries is how many tries may follow the first; 0 means
	// DefaultRetries and a negative number means none.
	Retries int
	// Backoff is the wait before a retry; without a First and a Most it is
	// from 100 ms to 2 s.
	Backoff transport.Backoff
	// Margin is how long before the context's deadline all work of a call stops,
	// so that its caller can still record the outcome.
	Margin time.Duration
	// RoundTripper carries the requests, preferably a transport.Pool; nil means
	// one pool that all such clients of the process share.
	RoundTripper http.RoundTripper

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx is done; nil means transport.Sleep.
	Sleep func(ctx context.Context, d time.Duration)
}

// Client is Cloud Assistant for one invocation's credentials. It is safe for
// concurrent use.
type Client struct {
	cfg    Config
	scheme string
	host   string
	// signer is a function, because fmt follows pointers for verbs like %s.
	signer func() credentials.CredentialsProvider
}

var _ engine.Commander = (*Client)(nil)

var regionForm = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// processPool serves every client whose Config names no RoundTripper.
var processPool = sync.OnceValue(func() *transport.Pool { return transport.NewPool(time.Now) })

// New returns a client, or every mistake of cfg and creds at once. It makes no
// call. Missing keys are reported as engine.ErrDenied.
func New(cfg Config, creds transport.Credentials) (*Client, error) {
	var mistakes []error
	if !regionForm.MatchString(cfg.Region) {
		mistakes = append(mistakes, errors.New("region is missing or malformed"))
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = "ecs." + cfg.Region + ".aliyuncs.com"
	}
	scheme, host, err := transport.HostOrEndpoint(cfg.Endpoint)
	if err != nil {
		mistakes = append(mistakes, fmt.Errorf("endpoint %w", err))
	}
	if !creds.IsSet() {
		mistakes = append(mistakes, fmt.Errorf("access key is missing: %w", engine.ErrDenied))
	}
	if cfg.PerTry < 0 || cfg.Backoff.First < 0 || cfg.Backoff.Most < 0 || cfg.Margin < 0 {
		mistakes = append(mistakes, errors.New("a duration is negative"))
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("set up cloud assistant: %w", errors.Join(mistakes...))
	}
	c := &Client{cfg: cfg.withDefaults(), scheme: scheme, host: host}
	c.signer = func() credentials.CredentialsProvider {
		id, secret, token := creds.Reveal()
		if token == "" {
			return credentials.NewStaticAKCredentialsProvider(id, secret)
		}
		return credentials.NewStaticSTSCredentialsProvider(id, secret, token)
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	cfg.PerTry, cfg.Retries = cmp.Or(cfg.PerTry, DefaultPerTry), cmp.Or(cfg.Retries, DefaultRetries)
	if cfg.Backoff.First == 0 && cfg.Backoff.Most == 0 {
		cfg.Backoff.First, cfg.Backoff.Most = 100*time.Millisecond, 2*time.Second
	}
	if cfg.RoundTripper == nil {
		cfg.RoundTripper = processPool()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = transport.Sleep
	}
	return cfg
}
