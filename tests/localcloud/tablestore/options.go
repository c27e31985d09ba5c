package tablestore

import (
	"fmt"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"
)

func checkThroughput(unit *otsprotocol.CapacityUnit) error {
	for _, n := range []int32{unit.GetRead(), unit.GetWrite()} {
		if n < 0 || n > maxThroughput {
			return errParameter("The reserved throughput must be in range: [0, %d].", int(maxThroughput))
		}
	}
	return nil
}

// tableOptions fills in the defaults of a new table's options.
func tableOptions(o *otsprotocol.TableOptions) (*otsprotocol.TableOptions, error) {
	out := &otsprotocol.TableOptions{
		TimeToLive:                proto.Int32(-1),
		MaxVersions:               proto.Int32(1),
		DeviationCellVersionInSec: proto.Int64(defaultDeviation),
		AllowUpdate:               proto.Bool(true),
		UpdateFullRow:             proto.Bool(false),
	}
	if o != nil {
		proto.Merge(out, o)
	}
	return out, checkOptions(out)
}

func checkOptions(o *otsprotocol.TableOptions) error {
	if ttl := o.GetTimeToLive(); ttl != -1 && ttl < minTimeToLive {
		return errParameter("The time to live must be -1 or at least %d seconds.", minTimeToLive)
	}
	if o.GetMaxVersions() < 1 {
		return errParameter("The max versions must be greater than 0.")
	}
	if o.GetDeviationCellVersionInSec() < 1 {
		return errParameter("The deviation of cell versions must be greater than 0.")
	}
	return nil
}

func streamDetails(spec *otsprotocol.StreamSpecification, name string, now time.Time) (*otsprotocol.StreamDetails, error) {
	if !spec.GetEnableStream() {
		return &otsprotocol.StreamDetails{EnableStream: proto.Bool(false)}, nil
	}
	if hours := spec.GetExpirationTime(); hours < 1 || hours > maxStreamExpiration {
		return nil, errParameter("The expiration time of a stream must be in range: [1, %d].", maxStreamExpiration)
	}
	return &otsprotocol.StreamDetails{
		EnableStream:   proto.Bool(true),
		StreamId:       proto.String(fmt.Sprintf("%s_%d", name, now.UnixMicro())),
		ExpirationTime: spec.ExpirationTime,
		LastEnableTime: proto.Int64(now.UnixMicro()),
		ColumnsToGet:   spec.ColumnsToGet,
	}, nil
}

func updateTable(c *call) (proto.Message, error) {
	req := new(otsprotocol.UpdateTableRequest)
	if err := c.decode(req); err != nil {
		return nil, err
	}
	if req.ReservedThroughput == nil && req.TableOptions == nil && req.StreamSpec == nil {
		return nil, errParameter("No option is specified while updating table.")
	}
	if req.GetTableOptions() != nil && req.TableOptions.UpdateFullRow != nil {
		return nil, errParameter("The table options of UpdateTable must not contain updateFullRow.")
	}
	var d *otsprotocol.DescribeTableResponse
	err := c.server.store.update(func(t tx) error {
		found, err := c.writable(t, req.GetTableName())
		if err != nil {
			return err
		}
		d = found.description
		if req.ReservedThroughput != nil {
			if err := adjustThroughput(d.ReservedThroughputDetails, req.ReservedThroughput.CapacityUnit, c.now()); err != nil {
				return err
			}
		}
		if req.TableOptions != nil {
			proto.Merge(d.TableOptions, req.TableOptions)
			if err := checkOptions(d.TableOptions); err != nil {
				return err
			}
			if len(found.indexes) > 0 {
				if err := checkIndexable(d.TableOptions); err != nil {
					return err
				}
			}
		}
		if req.StreamSpec != nil {
			if d.StreamDetails, err = streamDetails(req.StreamSpec, req.GetTableName(), c.now()); err != nil {
				return err
			}
		}
		return found.save(t, c.instance)
	})
	if err != nil {
		return nil, err
	}
	return &otsprotocol.UpdateTableResponse{
		ReservedThroughputDetails: d.ReservedThroughputDetails,
		TableOptions:              d.TableOptions,
		StreamDetails:             d.StreamDetails,
	}, nil
}

// adjustThroughput changes the reserved capacity, which the service allows
// once in two minutes. A request that changes no value is always allowed.
func adjustThroughput(d *otsprotocol.ReservedThroughputDetails, wanted *otsprotocol.CapacityUnit, now time.Time) error {
	if err := checkThroughput(wanted); err != nil {
		return err
	}
	old := d.CapacityUnit
	next := proto.Clone(old).(*otsprotocol.CapacityUnit)
	proto.Merge(next, wanted)
	if proto.Equal(old, next) {
		return nil
	}
	last := max(d.GetLastIncreaseTime(), d.GetLastDecreaseTime())
	if now.Sub(time.Unix(last, 0)) < throughputAdjustment {
		return errThroughputTooOften()
	}
	d.CapacityUnit = next
	if next.GetRead() > old.GetRead() || next.GetWrite() > old.GetWrite() {
		d.LastIncreaseTime = proto.Int64(now.Unix())
	} else {
		d.LastDecreaseTime = proto.Int64(now.Unix())
	}
	return nil
}
