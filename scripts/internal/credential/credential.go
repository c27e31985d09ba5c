// Package credential finds the operator's access key: in the environment, in a
// profile of the vendor's command line, or as the role of the ECS instance. It
// takes none from a command line, and its errors contain no key, token or
// content of a file.
package credential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"aftercare/shared/transport"
)

// The variables of an access key.
const (
	variableID     = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	variableSecret = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	variableToken  = "ALIBABA_CLOUD_SECURITY_TOKEN"
)

// ErrNone says that no access key is to be found.
var ErrNone = errors.New(`there is no access key. Give one of these:
  ` + variableID + ` and ` + variableSecret + `,
  and ` + variableToken + ` for a temporary one, in the environment;
  a profile of the vendor's command line ('aliyun configure');
  a role of this ECS instance, named by ALIBABA_CLOUD_ECS_METADATA`)

// Source is where to look.
type Source struct {
	Getenv func(string) string
	// STS is the endpoint of the Security Token Service; empty means
	// sts.aliyuncs.com, or that of the profile's region.
	STS string
	// RoundTripper carries requests to STS.
	RoundTripper http.RoundTripper
	// Metadata is the URL of the ECS metadata service; empty means the real one.
	Metadata string
	Now      func() time.Time
}

// Found is an access key.
type Found struct {
	transport.Credentials
	// From says where it was found, for people.
	From string
}

// Find returns the first access key: of the environment, of the profile, or of the
// role that ALIBABA_CLOUD_ECS_METADATA names.
func (s Source) Find(ctx context.Context) (Found, error) {
	id, secret := s.Getenv(variableID), s.Getenv(variableSecret)
	switch {
	case id != "" && secret != "":
		return Found{transport.NewCredentials(id, secret, s.Getenv(variableToken)), "the environment"}, nil
	case id != "":
		return Found{}, errors.New(variableID + " is set, and " + variableSecret + " is missing")
	case secret != "":
		return Found{}, errors.New(variableSecret + " is set, and " + variableID + " is missing")
	}
	if found, err := s.profile(ctx); err != nil || found.IsSet() {
		return found, err
	}
	if role := s.Getenv("ALIBABA_CLOUD_ECS_METADATA"); role != "" {
		return s.role(ctx, role)
	}
	return Found{}, ErrNone
}

// first is the first of the variables that is set.
func (s Source) first(names ...string) string {
	values := make([]string, 0, len(names))
	for _, name := range names {
		values = append(values, strings.TrimSpace(s.Getenv(name)))
	}
	return cmp.Or(values...)
}

// temporary is an access key as STS and the metadata service answer it.
type temporary struct{ AccessKeyID, AccessKeySecret, SecurityToken string }

func (t temporary) found(from string) (Found, error) {
	if t.AccessKeyID == "" || t.AccessKeySecret == "" || t.SecurityToken == "" {
		return Found{}, fmt.Errorf("the answer for %s holds no access key", from)
	}
	return Found{transport.NewCredentials(t.AccessKeyID, t.AccessKeySecret, t.SecurityToken), from}, nil
}
