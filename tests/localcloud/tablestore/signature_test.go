package tablestore_test

import (
	"net"
	"strings"
	"testing"

	"github.com/aliyun/aliyun-tablestore-go-sdk/common"
	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/tablestore"
)

func TestOnlyKnownKeysAndRightSignaturesPass(t *testing.T) {
	keys := access.NewKeys(
		access.Key{ID: keyID, Secret: keySecret},
		access.Key{ID: "temporary", Secret: "temporary-secret", Token: "token"},
	)
	s := start(t, tablestore.Options{Keys: keys, Instance: instance})
	for _, c := range []struct {
		name                        string
		instance, id, secret, token string
		message                     string // of an OTSAuthFailed; empty: passes
	}{
		{"a long-lived key", instance, keyID, keySecret, "", ""},
		{"a temporary key with its token", instance, "temporary", "temporary-secret", "token", ""},
		{"a wrong secret", instance, keyID, "wrong", "", "Signature mismatch."},
		{"an unknown key id", instance, "nobody", keySecret, "", "The AccessKeyID does not exist."},
		{"a temporary key without its token", instance, "temporary", "temporary-secret", "", "The security token is invalid."},
		{"a temporary key with another token", instance, "temporary", "temporary-secret", "old", "The security token is invalid."},
		{"a long-lived key with a token", instance, keyID, keySecret, "token", "The security token is invalid."},
		{"another instance", "other", keyID, keySecret, "", "The instance is not found."},
	} {
		for _, version := range []string{"v1", "v4"} {
			t.Run(c.name+" in "+version, func(t *testing.T) {
				var provider common.CredentialsProvider = &common.DefaultCredentialsProvider{AccessKeyID: c.id, AccessKeySecret: c.secret, SecurityToken: c.token}
				if version == "v4" {
					provider = common.CreateByCredentials(provider.GetCredentials(), "cn-hangzhou")
				}
				client := sdk.NewClientWithCredentialsProvider(s.Endpoint(), c.instance, provider, nil)
				_, err := client.ListTable()
				if c.message == "" {
					check(t, err, "", 0)
					return
				}
				check(t, err, "OTSAuthFailed", 403)
				if err != nil && !strings.Contains(err.Error(), c.message) {
					t.Errorf("got %q, want %q in it", err, c.message)
				}
			})
		}
	}
	keys.Remove("temporary")
	_, err := connectAs(s.Endpoint(), instance, "temporary", "temporary-secret", "token").ListTable()
	check(t, err, "OTSAuthFailed", 403)
}

func TestWithoutKeysNobodyIsAccepted(t *testing.T) {
	s, err := tablestore.Start(tablestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = connect(s).ListTable()
	check(t, err, "OTSAuthFailed", 403)
}

func TestAClosedServerAnswersNobody(t *testing.T) {
	s := start(t, tablestore.Options{})
	client := connect(s)
	newTable(t, client, "rows")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListTable(); err == nil {
		t.Error("a closed server answered")
	}
	if conn, err := net.Dial("tcp", strings.TrimPrefix(s.Endpoint(), "http://")); err == nil {
		conn.Close()
		t.Error("a closed server still listens")
	}
}
