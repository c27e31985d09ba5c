package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
)

// The helpers are programs for the scripts. They read the services' addresses and
// the key from the environment.

func tableClient() *tablestore.TableStoreClient {
	return tablestore.NewClient(os.Getenv("AFTERCARE_TABLESTORE_ENDPOINT"), os.Getenv("AFTERCARE_TABLESTORE_INSTANCE"),
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
}

// tables: "write TABLE KEY" makes a table with one row, "list" prints the
// names of all, "index TABLE NAME" makes an index with the table's rows and
// prints its phase (2 if it has them all), "keys TABLE" prints the primary keys of a table of text keys.
func tables(args []string) error {
	c := tableClient()
	switch args[0] {
	case "write":
		meta := &tablestore.TableMeta{TableName: args[1]}
		meta.AddPrimaryKeyColumn("id", tablestore.PrimaryKeyType_STRING)
		if _, err := c.CreateTable(&tablestore.CreateTableRequest{
			TableMeta: meta, TableOption: tablestore.NewTableOption(-1, 1), ReservedThroughput: &tablestore.ReservedThroughput{},
		}); err != nil {
			return err
		}
		row := &tablestore.PutRowChange{TableName: args[1], PrimaryKey: &tablestore.PrimaryKey{}}
		row.PrimaryKey.AddPrimaryKeyColumn("id", args[2])
		row.AddColumn("written", true)
		row.SetCondition(tablestore.RowExistenceExpectation_IGNORE)
		_, err := c.PutRow(&tablestore.PutRowRequest{PutRowChange: row})
		return err
	case "index":
		if _, err := c.CreateIndex(&tablestore.CreateIndexRequest{
			MainTableName: args[1], IncludeBaseData: true, IndexMeta: &tablestore.IndexMeta{IndexName: args[2], Primarykey: []string{"id"}},
		}); err != nil {
			return err
		}
		d, err := c.DescribeTable(&tablestore.DescribeTableRequest{TableName: args[1]})
		if err != nil {
			return err
		}
		fmt.Println(*d.IndexMetas[0].IndexSyncPhase)
		return nil
	case "list":
		names, err := c.ListTable()
		if err != nil {
			return err
		}
		fmt.Println(strings.Join(names.TableNames, "\n"))
		return nil
	}
	return printKeys(c, args[1])
}

func printKeys(c *tablestore.TableStoreClient, table string) error {
	d, err := c.DescribeTable(&tablestore.DescribeTableRequest{TableName: table})
	if err != nil {
		return err
	}
	from, to := &tablestore.PrimaryKey{}, &tablestore.PrimaryKey{}
	for _, column := range d.TableMeta.SchemaEntry {
		from.AddPrimaryKeyColumnWithMinValue(*column.Name)
		to.AddPrimaryKeyColumnWithMaxValue(*column.Name)
	}
	rows, err := c.GetRange(&tablestore.GetRangeRequest{RangeRowQueryCriteria: &tablestore.RangeRowQueryCriteria{
		TableName: table, StartPrimaryKey: from, EndPrimaryKey: to, Direction: tablestore.FORWARD, MaxVersion: 1,
	}})
	if err != nil {
		return err
	}
	for _, row := range rows.Rows {
		for _, column := range row.PrimaryKey.PrimaryKeys {
			fmt.Print(column.Value, " ")
		}
		fmt.Println()
	}
	return nil
}

// command INSTANCE CONTENT runs a shell command and prints its output.
func command(args []string) error {
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential(
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")))
	if err != nil {
		return err
	}
	call := func(action string, parameters map[string]string, into any) error {
		r := requests.NewCommonRequest()
		r.Method, r.Scheme, r.Version, r.ApiName = "POST", "http", "2014-05-26", action
		r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
		r.Domain = strings.TrimPrefix(os.Getenv("AFTERCARE_ECS_ENDPOINT"), "http://")
		r.QueryParams["RegionId"] = "cn-hangzhou"
		for name, value := range parameters {
			r.QueryParams[name] = value
		}
		answer, err := client.ProcessCommonRequest(r)
		if err != nil {
			return err
		}
		return json.Unmarshal(answer.GetHttpContentBytes(), into)
	}
	kind := "RunShellScript"
	if len(args) > 2 {
		kind = args[2]
	}
	var sent struct{ InvokeId string }
	err = call("RunCommand", map[string]string{
		"Type": kind, "CommandContent": args[1], "InstanceId.1": args[0], "Timeout": "60",
	}, &sent)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var got struct {
			Invocation struct {
				InvocationResults struct {
					InvocationResult []struct{ InvocationStatus, Output string }
				}
			}
		}
		if err := call("DescribeInvocationResults", map[string]string{"InvokeId": sent.InvokeId}, &got); err != nil {
			return err
		}
		for _, r := range got.Invocation.InvocationResults.InvocationResult {
			if r.InvocationStatus == "Success" || r.InvocationStatus == "Failed" {
				output, err := base64.StdEncoding.DecodeString(r.Output)
				fmt.Printf("%s: %s", r.InvocationStatus, output)
				return err
			}
		}
	}
	return errors.New("the command did not end")
}

// receive prints what is posted to it, and answers 500 to the first request.
func receive([]string) error {
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n := requests.Add(1)
		fmt.Printf("request %d: %s\n", n, body)
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer s.Close()
	fmt.Println("receiving at", s.URL)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return nil
}

// request METHOD URL BODY sends a request without a signature, and prints the answer.
func request(args []string) error {
	req, err := http.NewRequest(args[0], args[1], strings.NewReader(strings.Join(args[2:], " ")))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, strings.TrimSpace(string(text)))
	return err
}

// put-event ADDRESS BUS TYPE [DATA] puts an event on a bus, and prints the answer.
func putEvent(args []string) error {
	args = append(args, `{"amount":7}`)
	body := fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"shop","type":%q,"data":%s}`, args[2], args[3])
	res, err := http.Post("http://"+strings.TrimPrefix(args[0], "http://")+"/eventbuses/"+args[1]+"/events", "application/cloudevents+json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(text))
	return err
}

// sdk-put-event ADDRESS BUS SECRET puts an event with the vendor's SDK and the
// access key id "me", and prints the answer.
func sdkPutEvent(args []string) error {
	client, err := sdk.NewClientWithOptions("cn-hangzhou", sdk.NewConfig(), credentials.NewAccessKeyCredential("me", args[2]))
	if err != nil {
		return err
	}
	r := requests.NewCommonRequest()
	r.Method, r.Scheme, r.Domain, r.Version, r.ApiName = "POST", "http", args[0], "2020-04-01", "PutEvents"
	r.SetReadTimeout(time.Minute) // the SDK's own is too short for a busy machine
	r.FormParams["EventBusName"] = args[1]
	r.FormParams["EventList"] = `[{"Id":"2","Source":"shop","Type":"created"}]`
	answer, err := client.ProcessCommonRequest(r)
	if err != nil {
		return err
	}
	fmt.Println(answer.GetHttpContentString())
	return nil
}
