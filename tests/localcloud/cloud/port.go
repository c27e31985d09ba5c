package cloud

import (
	"errors"

	"aftercare/tests/localcloud/access"
)

// ports are the ports of the services. They stay open during a reset.
type ports struct {
	tables, inbox, bus, ecs, functions, ram, sls, monitor access.Listen
}

func (c *Cloud) openPorts() ports {
	kept := func(address string) access.Listen {
		l := c.listen(address)
		l.Keep()
		return l
	}
	l := c.opt.Listen
	return ports{
		tables: kept(l.Tablestore), inbox: kept(l.Inbox), bus: kept(l.EventBridge),
		ecs: kept(l.ECS), functions: kept(l.FunctionCompute), ram: kept(l.RAM), sls: kept(l.SLS), monitor: kept(l.CloudMonitor),
	}
}

func (c *Cloud) listen(address string) access.Listen {
	return access.Listen{Address: address, Remote: c.opt.AllowRemote, Log: c.opt.Requests, Open: c.opt.Open}
}

func (p ports) release() error {
	var errs []error
	for _, l := range []access.Listen{p.tables, p.inbox, p.bus, p.ecs, p.functions, p.ram, p.sls, p.monitor} {
		errs = append(errs, l.Release())
	}
	return errors.Join(errs...)
}
