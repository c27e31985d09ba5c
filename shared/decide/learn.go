package decide

import (
	"maps"
	"strings"
	"time"
)

// tagsAge is how old an instance's tags may be when a condition reads them.
const tagsAge = 24 * time.Hour

// maxLearns is how often ECS is asked about an instance after a boot.
const maxLearns = 6

// Tags are an instance's tags. They are never changed, only replaced.
type Tags map[string]string

// learned keeps what ECS answered about the instance, and about its agent.
func (d *decision) learned() {
	i := &d.Instance
	if a := d.facts.Agent; a != nil {
		d.learn(a.Version, a.OS, "", "")
	}
	m := d.facts.Machine
	if m == nil {
		return
	}
	d.learn("", m.OS, m.Region, m.Zone)
	i.Name, i.LearnedAt = m.Name, d.now
	if tags := Tags(m.Tags); i.Tags == nil || !maps.Equal(*i.Tags, tags) {
		i.Tags = &tags
	}
	i.LearnAt, i.Learns, i.Seen = time.Time{}, 0, true
}

// learnSoon has the next wake-up learn what the instance is, after a boot.
func (b boots) learnSoon() {
	if i := &b.Instance; !i.LearnedAt.Equal(b.now) {
		i.LearnAt, i.Learns = b.now.Add(b.policy.HoldCheck), 0
	}
}

// learnDue reports whether a wake-up asks ECS about the instance. One that finds no
// room for its commands leaves that to the next, which comes soon.
func (v view) learnDue() bool {
	i := v.Instance
	crowded := v.queued() > 0 && v.room == 0 && !v.roomAt.IsZero()
	return !i.LearnAt.IsZero() && (i.Learns == 0 || !i.LearnAt.After(v.now)) && !i.Gone() && !crowded
}

// learnNow asks ECS about the instance. Without an answer it asks again later, and
// after some times no more until the next boot.
func (a *asker) learnNow() {
	a.machine()
	i := &a.Instance
	if i.Learns++; i.Learns >= maxLearns {
		i.LearnAt, i.Learns = time.Time{}, 0
		return
	}
	i.LearnAt = a.now.Add(a.policy.checkDelay(i.Learns))
}

// read asks ECS for a value of the instance that an expression reads and that is
// not known, or for tags that are too old.
func (d *decision) read(name string) {
	i := d.Instance
	switch name {
	case "instance.agentVersion":
		if i.AgentVersion == "" {
			d.agentStatus()
		}
		return
	case "instance.os", "instance.name", "instance.region", "instance.zone":
		if !i.LearnedAt.IsZero() || map[string]string{"os": i.OS, "region": i.Region, "zone": i.Zone}[name[len("instance."):]] != "" {
			return
		}
	default:
		if !strings.HasPrefix(name, "instance.tags") || !i.LearnedAt.IsZero() && d.now.Sub(i.LearnedAt) < tagsAge {
			return
		}
	}
	if !i.Gone() {
		d.machine()
	}
}
