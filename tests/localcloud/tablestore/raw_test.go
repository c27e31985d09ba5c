package tablestore_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"
	"testing"

	"github.com/aliyun/aliyun-tablestore-go-sdk/common"
	sdk "github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"aftercare/tests/localcloud/tablestore"
)

// send makes a call that the SDK would not make, signed with the SDK's own
// signature. early changes the request before it is signed, late after it.
// It returns the status and the code of the error, empty if there was none.
func send(t testing.TB, s *tablestore.Server, operation string, body []byte, early, late func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("POST", s.Endpoint()+"/"+operation, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(body)
	for name, v := range map[string]string{
		"x-ots-date":         "2026-11-22T10:00:00.000Z",
		"x-ots-apiversion":   "2015-12-31",
		"x-ots-accesskeyid":  keyID,
		"x-ots-instancename": instance,
		"x-ots-contentmd5":   base64.StdEncoding.EncodeToString(sum[:]),
	} {
		r.Header.Set(name, v)
	}
	if early != nil {
		early(r)
	}
	credentials := &common.DefaultCredentials{AccessKeyID: keyID, AccessKeySecret: keySecret}
	signature, err := sdk.GetSignature(r.URL.Path, "POST", credentials, r.Header)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-ots-signature", signature)
	if late != nil {
		late(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, ""
	}
	var failure otsprotocol.Error
	if err := proto.Unmarshal(answer, &failure); err != nil {
		t.Fatalf("error answer %q: %v", answer, err)
	}
	return resp, failure.GetCode()
}

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	s := start(t, tablestore.Options{})
	tb := newTable(t, connect(s), "rows")
	put := func(spoil func([]byte) []byte) []byte {
		return encode(t, &otsprotocol.PutRowRequest{
			TableName: proto.String("rows"),
			Row:       spoil(tb.put("p", "1", "x", "value").Serialize()),
			Condition: &otsprotocol.Condition{RowExistence: otsprotocol.RowExistenceExpectation_IGNORE.Enum()},
		})
	}
	whole := put(func(b []byte) []byte { return b })
	for _, c := range []struct {
		name      string
		operation string
		body      []byte
		early     func(*http.Request)
		late      func(*http.Request)
		status    int
		code      string
	}{
		{name: "a good request passes", operation: "PutRow", body: whole, status: 200},
		{name: "a wrong row checksum", operation: "PutRow", body: put(func(b []byte) []byte { b[len(b)-1]++; return b }), status: 400, code: "OTSParameterInvalid"},
		{name: "a changed value", operation: "PutRow", body: put(func(b []byte) []byte { return bytes.Replace(b, []byte("value"), []byte("valve"), 1) }), status: 400, code: "OTSParameterInvalid"},
		{name: "a cut row", operation: "PutRow", body: put(func(b []byte) []byte { return b[:len(b)-3] }), status: 400, code: "OTSParameterInvalid"},
		{name: "two rows", operation: "PutRow", body: put(func(b []byte) []byte { return append(b, b[4:]...) }), status: 400, code: "OTSParameterInvalid"},
		{name: "another header", operation: "PutRow", body: put(func(b []byte) []byte { b[0]++; return b }), status: 400, code: "OTSParameterInvalid"},
		{name: "no protobuf", operation: "PutRow", body: []byte("hello"), status: 400, code: "OTSParameterInvalid"},
		{name: "a body over 5 MB", operation: "PutRow", body: make([]byte, 5<<20+1), status: 413, code: "OTSRequestBodyTooLarge"},
		{name: "a method that is not POST", operation: "ListTable", late: func(r *http.Request) { r.Method = "PUT" }, status: 405, code: "OTSMethodNotAllowed"},
		{name: "no date", operation: "ListTable", late: func(r *http.Request) { r.Header.Del("x-ots-date") }, status: 400, code: "OTSParameterInvalid"},
		{name: "a date in another form", operation: "ListTable", early: func(r *http.Request) { r.Header.Set("x-ots-date", "yesterday") }, status: 400, code: "OTSParameterInvalid"},
		{name: "another API version", operation: "ListTable", early: func(r *http.Request) { r.Header.Set("x-ots-apiversion", "2014-08-08") }, status: 400, code: "OTSParameterInvalid"},
		{name: "another MD5", operation: "ListTable", early: func(r *http.Request) { r.Header.Set("x-ots-contentmd5", "AAAA") }, status: 403, code: "OTSAuthFailed"},
		{name: "a body that was changed after signing", operation: "ListTable", late: func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte("x"))), 1
		}, status: 403, code: "OTSAuthFailed"},
		{name: "a header that was changed after signing", operation: "ListTable", late: func(r *http.Request) { r.Header.Set("x-ots-instancename", "other") }, status: 403, code: "OTSAuthFailed"},
		{name: "a path that was changed after signing", operation: "ListTable", late: func(r *http.Request) { r.URL.Path = "/DeleteTable" }, status: 403, code: "OTSAuthFailed"},
		{name: "no signature", operation: "ListTable", late: func(r *http.Request) { r.Header.Del("x-ots-signature") }, status: 400, code: "OTSParameterInvalid"},
		{name: "an empty signature of version 4 with a region", operation: "ListTable", late: func(r *http.Request) { r.Header.Set("x-ots-signaturev4", "AAAA") }, status: 400, code: "OTSParameterInvalid"},
		{name: "a compressed body", operation: "ListTable", early: func(r *http.Request) { r.Header.Set("x-ots-request-compress-type", "lz4") }, status: 400, code: "OTSUnsupportOperation"},
		{name: "an operation that nobody knows", operation: "FlyToTheMoon", status: 400, code: "OTSUnsupportOperation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, code := send(t, s, c.operation, c.body, c.early, c.late)
			if resp.StatusCode != c.status || code != c.code {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, code, c.status, c.code)
			}
		})
	}
}

// The headers that SDKs of other languages verify.
func TestAnswersAreSigned(t *testing.T) {
	s := start(t, tablestore.Options{})
	resp, _ := send(t, s, "ListTable", nil, nil, nil)
	for _, name := range []string{"x-ots-requestid", "x-ots-date", "x-ots-contenttype"} {
		if resp.Header.Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
	if got := resp.Header.Get("x-ots-contentmd5"); got != "1B2M2Y8AsgTpgAmY7PhCfg==" {
		t.Errorf("the MD5 of an empty body is %q", got)
	}
	text := ""
	for _, name := range []string{"x-ots-contentmd5", "x-ots-contenttype", "x-ots-date", "x-ots-requestid"} {
		text += name + ":" + resp.Header.Get(name) + "\n"
	}
	mac := common.GetHmac("HmacSHA1", []byte(keySecret))
	mac.Write([]byte(text + "/ListTable"))
	want := "OTS " + keyID + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := resp.Header.Get("Authorization"); got != want {
		t.Errorf("got Authorization %q, want %q", got, want)
	}
}
