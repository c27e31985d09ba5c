// Command probe is a function that records what it is invoked with, and calls
// services where its environment and credentials say.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

func main() { fc.Start(handle) }

func handle(ctx context.Context, payload []byte) (any, error) {
	var r struct{ Do string }
	_ = json.Unmarshal(payload, &r) // events have no such member
	info, _ := fccontext.FromContext(ctx)
	switch r.Do {
	case "environment":
		return os.Environ(), nil
	case "call":
		return nil, errors.Join(listTables(info.Credentials), describeInstances(info.Region, info.Credentials))
	}
	file, err := os.OpenFile(os.Getenv("PROBE_RECORD"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Write(append(payload, '\n')); err != nil {
		return nil, err
	}
	if _, err := os.Stat(os.Getenv("PROBE_RECORD") + ".fail"); err == nil {
		return nil, errors.New("refused on purpose")
	}
	return "recorded", nil
}

func listTables(c fccontext.Credentials) error {
	client := tablestore.NewClientWithConfig(os.Getenv("AFTERCARE_TABLESTORE_ENDPOINT"), os.Getenv("AFTERCARE_TABLESTORE_INSTANCE"),
		c.AccessKeyId, c.AccessKeySecret, c.SecurityToken, tablestore.NewDefaultTableStoreConfig())
	_, err := client.ListTable()
	return err
}

func describeInstances(region string, c fccontext.Credentials) error {
	client, err := sdk.NewClientWithOptions(region, sdk.NewConfig(),
		credentials.NewStsTokenCredential(c.AccessKeyId, c.AccessKeySecret, c.SecurityToken))
	if err != nil {
		return err
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Version, r.ApiName = "POST", "http", "2014-05-26", "DescribeInstances"
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	r.Domain = strings.TrimPrefix(os.Getenv("AFTERCARE_ECS_ENDPOINT"), "http://")
	r.QueryParams["RegionId"] = region
	_, err = client.ProcessCommonRequest(r)
	return err
}
