package cloud

import (
	"encoding/json"
	"errors"
	"strconv"

	"aftercare/tests/localcloud/access"
	"aftercare/tests/localcloud/cloudmonitor"
	"aftercare/tests/localcloud/functioncompute"
	"aftercare/tests/localcloud/ram"
	"aftercare/tests/localcloud/sls"
)

// planes are the services that only a deployment and the operator's tool need.
type planes struct {
	ram     *ram.Server
	sls     *sls.Server
	monitor *cloudmonitor.Server
}

// start starts them.
func (p *planes) start(c *Cloud, keys *access.Keys) (err error) {
	o := c.opt
	p.ram, err = ram.Start(ram.Options{
		Listen: c.ports.ram, Keys: keys, Account: o.Account, Path: c.folder.path("ram.db"), Now: o.Now, Faults: c.faults,
	})
	if err != nil {
		return err
	}
	p.sls, err = sls.Start(sls.Options{
		Listen: c.ports.sls, Keys: keys, Region: o.Region, Path: c.folder.path("sls.db"), Now: o.Now, Faults: c.faults,
	})
	if err != nil {
		return err
	}
	record := c.record
	p.monitor, err = cloudmonitor.Start(cloudmonitor.Options{
		Listen: c.ports.monitor, Keys: keys, Now: o.Now, Faults: c.faults,
		Events: func() ([]json.RawMessage, error) { return record.events("", "") },
	})
	return err
}

// logInvocation writes the line that Function Compute writes for an invocation, if its
// logstore exists. Source of the fields:
// https://www.alibabacloud.com/help/en/sls/function-compute-3-0-log-field-details
func (p *planes) logInvocation(i functioncompute.Invoked) {
	fields := map[string]string{
		"functionName": i.Function, "versionId": i.Version, "qualifier": i.Qualifier, "requestId": i.RequestID, "operation": "InvokeFunction",
		"invocationType": "Sync", "durationMs": strconv.FormatInt(i.Took.Milliseconds(), 10), "isColdStart": strconv.FormatBool(i.Cold),
		"hasFunctionError": strconv.FormatBool(i.Failed), "resourceMode": "OnDemand",
	}
	if i.Async {
		fields["invocationType"] = "Async"
	}
	if i.Failed {
		fields["errorType"] = "FunctionUnhandledError"
	}
	p.sls.Write(i.Log.Project, i.Log.Logstore, sls.Line{At: i.At, Topic: "FCRequestMetrics:/" + i.Function, Fields: fields})
}

// halt stops those that run.
func (p *planes) halt() error {
	var errs []error
	if p.ram != nil {
		errs = append(errs, p.ram.Close())
	}
	if p.sls != nil {
		errs = append(errs, p.sls.Close())
	}
	if p.monitor != nil {
		errs = append(errs, p.monitor.Close())
	}
	*p = planes{}
	return errors.Join(errs...)
}
