// Command bare is the function that bench compares the others with: for each
// invocation it makes the calls of one plan through the same SDKs and in the
// same order as a function. As any handler would, it parses its event, answers
// with what it found there, and writes one line to the log.
//
// It decides nothing and protects nothing: it compares no answer with what it
// expects, claims nothing, tries nothing again, arms no wake-up that it was not
// given, and redacts no error. So where a function would repair a failure, it
// loses work. It never does more than the plan.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
	"github.com/rs/zerolog"

	"aftercare/tests/bench/plan"
)

func main() {
	h, err := newHandler()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
	t := http.DefaultTransport.(*http.Transport)
	t.MaxIdleConns = 0
	t.MaxIdleConnsPerHost = 100
	fc.Start(h.handle)
}

// hidden hides a transport's type, so that the SDKs cannot change it.
type hidden struct{ http.RoundTripper }

type handler struct {
	plan             []plan.Call
	tables, commands string
	transport        http.RoundTripper
	log              zerolog.Logger
}

func newHandler() (*handler, error) {
	h := &handler{
		tables: os.Getenv("BARE_TABLESTORE"), commands: os.Getenv("BARE_ECS"),
		transport: hidden{&http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Minute}},
		log:       zerolog.New(os.Stdout).With().Timestamp().Str("function", "bare").Logger(),
	}
	text, err := os.ReadFile(os.Getenv("BARE_PLAN"))
	if err != nil {
		return nil, err
	}
	return h, json.Unmarshal(text, &h.plan)
}

// payload has the fields of events and submissions that a handler needs.
type payload struct {
	ID, Type  string
	Time      time.Time
	AccountID string `json:"aliyunaccountid"`
	Data      struct {
		InstanceID  string `json:"instanceId"`
		VMName      string `json:"vmName"`
		InvokeID    string `json:"invokeId"`
		CommandID   string `json:"commandId"`
		CommandName string `json:"commandName"`
		Status      string `json:"invocationStatus"`
		ErrorCode   string `json:"errorCode"`
		ErrorDesc   string `json:"errorDesc"`
		ExitCode    string `json:"exitCode"`
		RepeatMode  string `json:"repeatMode"`
		Repeats     string `json:"repeats"`
		StartTime   time.Time
		FinishTime  time.Time
		Extensions  struct {
			AgentVersion, Region, Azone string
			Uptime                      int64
		} `json:"extensions"`
	}
	DedupeKey   string
	InstanceIDs []string `json:"instanceIds"`
	Run         struct{ Name, Type, Content string }
}

type item struct {
	Result     string `json:"result"`
	InstanceID string `json:"instanceId"`
	InvokeID   string `json:"invokeId"`
}

type answer struct {
	RequestID string `json:"requestId"`
	Items     []item `json:"items"`
}

// invocation has the clients made with one invocation's credentials.
type invocation struct {
	*handler
	keys     fccontext.Credentials
	region   string
	tables   *tablestore.TableStoreClient
	commands *sdk.Client // made when first needed
}

func (h *handler) handle(ctx context.Context, event []byte) (answer, error) {
	var in payload
	if err := json.Unmarshal(event, &in); err != nil {
		return answer{}, err
	}
	fctx, _ := fccontext.FromContext(ctx)
	config := tablestore.NewDefaultTableStoreConfig()
	config.RetryTimes = 0
	// The default of 30 s costs a timer for each request, which no function has.
	config.HTTPTimeout.RequestTimeout = 0
	config.Transport = h.transport
	keys := fctx.Credentials
	v := &invocation{
		handler: h, keys: keys, region: fctx.Region,
		tables: tablestore.NewClientWithConfig(h.tables, "bench", keys.AccessKeyId, keys.AccessKeySecret, keys.SecurityToken, config),
	}
	beside := make(chan error, len(h.plan))
	pending := 0
	for _, c := range h.plan {
		if c.Beside {
			pending++
			go func() { beside <- v.do(c) }()
			continue
		}
		if err := v.do(c); err != nil {
			return answer{}, err
		}
	}
	for ; pending > 0; pending-- {
		if err := <-beside; err != nil {
			return answer{}, err
		}
	}
	h.log.Info().Str("request_id", fctx.RequestID).Str("event_id", in.ID).Str("instance_id", in.Data.InstanceID).
		Str("invoke_id", in.Data.InvokeID).Str("status", in.Data.Status).Int("calls", len(h.plan)).Msg("handled")
	return answer{fctx.RequestID, []item{{"recorded", in.Data.InstanceID, in.Data.InvokeID}}}, nil
}

func (v *invocation) do(c plan.Call) error {
	if c.Table == "" {
		return v.command(c)
	}
	return v.table(c)
}

// command makes one call of Cloud Assistant.
func (v *invocation) command(c plan.Call) error {
	if v.commands == nil {
		config := sdk.NewConfig().WithScheme("HTTP").WithAutoRetry(false)
		config.Transport = v.transport
		var err error
		v.commands, err = sdk.NewClientWithOptions(v.region, config, credentials.NewStaticSTSCredentialsProvider(
			v.keys.AccessKeyId, v.keys.AccessKeySecret, v.keys.SecurityToken))
		if err != nil {
			return err
		}
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain = requests.POST, "HTTP", v.handler.commands
	r.Product, r.Version, r.ApiName = "Ecs", "2014-05-26", c.Name
	r.QueryParams["RegionId"] = v.region
	r.FormParams = c.Params
	_, err := v.commands.ProcessCommonRequest(r)
	return err
}
