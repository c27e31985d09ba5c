package credential

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aftercare/shared/transport"
)

// profile is one of the vendor's command line, in ~/.aliyun/config.json. Its
// names and modes are those of aliyun/aliyun-cli, config/profile.go.
type profile struct {
	Name            string `json:"name"`
	Mode            string `json:"mode"`
	AccessKeyID     string `json:"access_key_id"`
	AccessKeySecret string `json:"access_key_secret"`
	Token           string `json:"sts_token"`
	STSRegion       string `json:"sts_region"`
	RAMRole         string `json:"ram_role_name"`
	RoleARN         string `json:"ram_role_arn"`
	SessionName     string `json:"ram_session_name"`
	ExternalID      string `json:"external_id"`
	ExpiredSeconds  int    `json:"expired_seconds"`
}

// profile finds the access key of a profile: of the one that a variable names, or
// of the current one. Without a file it finds nothing.
func (s Source) profile(ctx context.Context) (Found, error) {
	name := s.first("ALIBABACLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE", "ALICLOUD_PROFILE")
	if s.first("ALIBABA_CLOUD_IGNORE_PROFILE", "ALIBABACLOUD_IGNORE_PROFILE") == "TRUE" {
		return Found{}, nil
	}
	path := filepath.Join(s.Getenv("HOME"), ".aliyun", "config.json")
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == "":
		return Found{}, nil
	case err != nil:
		return Found{}, fmt.Errorf("read the profile: %w", err)
	}
	var file struct {
		Current  string    `json:"current"`
		Profiles []profile `json:"profiles"`
	}
	// The error of the decoder may quote the file.
	if json.Unmarshal(content, &file) != nil {
		return Found{}, fmt.Errorf("%s is not the JSON of the vendor's command line: run 'aliyun configure' again", path)
	}
	name = cmp.Or(name, file.Current)
	for _, p := range file.Profiles {
		if p.Name == name {
			return s.of(ctx, p)
		}
	}
	return Found{}, fmt.Errorf("%s has no profile %q", path, name)
}

// of returns the access key of a profile. The vendor's command line takes the
// names of modes in any case.
func (s Source) of(ctx context.Context, p profile) (Found, error) {
	from := fmt.Sprintf("the profile %s (%s)", p.Name, p.Mode)
	lacks := func(need map[string]string) error {
		for name, value := range need {
			if value == "" {
				return fmt.Errorf("%s has no %s: run 'aliyun configure --profile %s'", from, name, p.Name)
			}
		}
		return nil
	}
	keys := map[string]string{"access_key_id": p.AccessKeyID, "access_key_secret": p.AccessKeySecret}
	switch strings.ToLower(p.Mode) {
	case "ak":
		return Found{transport.NewCredentials(p.AccessKeyID, p.AccessKeySecret, ""), from}, lacks(keys)
	case "ststoken":
		keys["sts_token"] = p.Token
		return Found{transport.NewCredentials(p.AccessKeyID, p.AccessKeySecret, p.Token), from}, lacks(keys)
	case "ramrolearn":
		keys["ram_role_arn"] = p.RoleARN
		if err := lacks(keys); err != nil {
			return Found{}, err
		}
		return s.assume(ctx, p, from)
	case "ecsramrole":
		return s.role(ctx, p.RAMRole)
	}
	return Found{}, fmt.Errorf(`%s: profiles of the mode %q cannot be used here, only AK, StsToken, RamRoleArn and EcsRamRole.
Export a temporary key: 'aliyun sts AssumeRole --profile %s --RoleArn ARN --RoleSessionName aftercare'
prints what goes into %s, %s
and %s`, from, p.Mode, p.Name, variableID, variableSecret, variableToken)
}
