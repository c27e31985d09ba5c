package assistant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"

	"aftercare/shared/remediation"
	"aftercare/shared/transport"
)

// Defaults of Config.
const (
	DefaultPerTry     = 10 * time.Second
	DefaultRetries    = 4
	DefaultBackoffMin = 100 * time.Millisecond
	DefaultBackoffMax = 2 * time.Second
)

// Config says which service a Client talks to, and how patiently. The zero
// value of every field but Region is usable.
type Config struct {
	// Region is the region id that every request names, for example
	// cn-hangzhou.
	Region string
	// Endpoint is a host, host:port or URL; empty means
	// ecs.<region>.aliyuncs.com. It is reached by https. Only a URL that says
	// http and names a loopback IP address is reached by plain http.
	Endpoint string
	// PerTry bounds one try, from dialling to the last byte of the answer;
	// 0 means DefaultPerTry.
	PerTry time.Duration
	// Retries is how many tries may follow the first; 0 means
	// DefaultRetries and a negative number means none.
	Retries int
	// BackoffMin and BackoffMax bound the wait before a retry: a random part
	// of BackoffMin, doubled with every retry up to BackoffMax. 0 means
	// DefaultBackoffMin and DefaultBackoffMax.
	BackoffMin time.Duration
	BackoffMax time.Duration
	// Margin is the time before the context's deadline at which all work of
	// a call stops, so that its caller can still record what became of it.
	Margin time.Duration
	// RoundTripper carries the requests of all clients, and is best a
	// transport.Pool; nil means one that all such clients of the process
	// share.
	RoundTripper http.RoundTripper

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Sleep waits for d or until ctx is done; nil means a timer.
	Sleep func(ctx context.Context, d time.Duration)
	// Jitter picks a wait from 0 to most; nil means a uniform random one.
	Jitter func(most time.Duration) time.Duration
}

// Credentials sign the requests. They never print.
type Credentials struct {
	AccessKeyID     string
	AccessKeySecret string
	// SecurityToken belongs to temporary keys; empty for long-lived ones.
	SecurityToken string
}

// Format keeps every verb of package fmt from printing the keys.
func (Credentials) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "[credentials]")
}

// MarshalJSON keeps encoders and loggers from writing the keys.
func (Credentials) MarshalJSON() ([]byte, error) {
	return []byte(`"[credentials]"`), nil
}

// Client is Cloud Assistant for one invocation's credentials. It is safe for
// concurrent use.
type Client struct {
	cfg    Config
	scheme string
	host   string
	// signer is a function, because fmt prints what a pointer leads to for
	// verbs like %s.
	signer func() credentials.CredentialsProvider
}

var _ remediation.Commander = (*Client)(nil)

var (
	regionForm = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	hostForm   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$`)
)

// processPool serves every client whose Config names no RoundTripper.
var processPool = sync.OnceValue(func() *transport.Pool { return transport.NewPool(time.Now) })

// New returns a client, or every fault of cfg and creds at once. It makes no
// call. Missing keys are reported as remediation.ErrDenied.
func New(cfg Config, creds Credentials) (*Client, error) {
	var faults []error
	if !regionForm.MatchString(cfg.Region) {
		faults = append(faults, errors.New("region is missing or malformed"))
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = "ecs." + cfg.Region + ".aliyuncs.com"
	}
	scheme, host, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		faults = append(faults, err)
	}
	if creds.AccessKeyID == "" || creds.AccessKeySecret == "" {
		faults = append(faults, fmt.Errorf("access key is missing: %w", remediation.ErrDenied))
	}
	if cfg.PerTry < 0 || cfg.BackoffMin < 0 || cfg.BackoffMax < 0 || cfg.Margin < 0 {
		faults = append(faults, errors.New("a duration is negative"))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("set up cloud assistant: %w", errors.Join(faults...))
	}
	c := &Client{cfg: cfg.withDefaults(), scheme: scheme, host: host}
	c.signer = func() credentials.CredentialsProvider {
		if creds.SecurityToken == "" {
			return credentials.NewStaticAKCredentialsProvider(creds.AccessKeyID, creds.AccessKeySecret)
		}
		return credentials.NewStaticSTSCredentialsProvider(creds.AccessKeyID, creds.AccessKeySecret, creds.SecurityToken)
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.PerTry == 0 {
		cfg.PerTry = DefaultPerTry
	}
	if cfg.Retries == 0 {
		cfg.Retries = DefaultRetries
	}
	if cfg.BackoffMin == 0 {
		cfg.BackoffMin = DefaultBackoffMin
	}
	if cfg.BackoffMax == 0 {
		cfg.BackoffMax = DefaultBackoffMax
	}
	if cfg.RoundTripper == nil {
		cfg.RoundTripper = processPool()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func(most time.Duration) time.Duration { return rand.N(most + 1) }
	}
	return cfg
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// parseEndpoint splits an endpoint into the SDK's scheme and host[:port]. Its
// errors do not repeat the value, which may hold a password by mistake.
func parseEndpoint(endpoint string) (scheme, host string, err error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", "", errors.New("endpoint is no host and no URL")
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errors.New("endpoint has more than a scheme, a host and a port")
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil && !hostForm.MatchString(u.Hostname()) {
		return "", "", errors.New("endpoint has no valid host")
	}
	switch {
	case u.Scheme == "https":
		return "HTTPS", u.Host, nil
	case u.Scheme == "http" && ip != nil && ip.IsLoopback():
		return "HTTP", u.Host, nil
	case u.Scheme == "http":
		return "", "", errors.New("endpoint asks for plain http to something else than a loopback address")
	}
	return "", "", errors.New("endpoint has a scheme other than https")
}
