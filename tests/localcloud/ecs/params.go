package ecs

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// params reads the parameters of one call.
type params struct {
	action string
	form   url.Values
}

// harmless holds parameters that the real service accepts with every action and
// that change nothing here.
var harmless = set("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount", "Timed")

func set(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[name] = true
	}
	return out
}

var (
	listIndex  = regexp.MustCompile(`\.[0-9]+`)
	listMember = regexp.MustCompile(`^(\w+\.)([0-9]+)`)
)

// onlyKnown refuses a parameter that the action does not know. The set known has
// list members with an N for the number, as in "Tag.N.Key".
func (p params) onlyKnown(known map[string]bool) *apiError {
	for name := range p.form {
		if name == "RegionId" || harmless[name] {
			continue
		}
		if !known[listIndex.ReplaceAllString(name, ".N")] || strings.Contains(name, ".N") {
			return notImitated("the parameter %s of %s", name, p.action)
		}
		if p.beyondGap(name) {
			return notImitated("the parameter %s of %s: lists are numbered 1, 2, 3 and so on", name, p.action)
		}
	}
	return nil
}

// beyondGap reports whether name is a list member behind a gap, which reading the
// list does not reach.
func (p params) beyondGap(name string) bool {
	parts := listMember.FindStringSubmatch(name)
	if parts == nil || parts[2] == "1" {
		return false
	}
	n, err := strconv.Atoi(parts[2])
	before := parts[1] + strconv.Itoa(n-1)
	for other := range p.form {
		if other == before || strings.HasPrefix(other, before+".") {
			return err != nil || parts[2] != strconv.Itoa(n)
		}
	}
	return true
}

func (p params) text(name string) string { return p.form.Get(name) }

func (p params) has(name string) bool { return p.form.Get(name) != "" }

// number reads an integer, or returns standard if it is missing.
func (p params) number(name string, standard int64) (int64, *apiError) {
	text := p.text(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, bad("InvalidParameter."+name, "the parameter %s is not an integer", name)
	}
	return n, nil
}

// boolean reads true or false in any case; missing means false.
func (p params) boolean(name string) (bool, *apiError) {
	switch strings.ToLower(p.text(name)) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, bad("InvalidParameter."+name, "the parameter %s is neither true nor false", name)
}

// list reads name.1, name.2 and so on, in order, until the first gap.
func (p params) list(name string) []string {
	var out []string
	for n := 1; ; n++ {
		key := name + "." + strconv.Itoa(n)
		if !p.form.Has(key) {
			return out
		}
		out = append(out, p.form.Get(key))
	}
}

// tag is a key and a value on an instance, a command or an invocation.
type tag struct {
	Key   string
	Value string
}

// tags reads name.1.Key, name.1.Value and so on. A member counts if either part
// is there.
func (p params) tags(name string) []tag {
	var out []tag
	for n := 1; ; n++ {
		prefix := name + "." + strconv.Itoa(n)
		if !p.form.Has(prefix+".Key") && !p.form.Has(prefix+".Value") {
			return out
		}
		out = append(out, tag{Key: p.form.Get(prefix + ".Key"), Value: p.form.Get(prefix + ".Value")})
	}
}

// ownTags reads and checks the tags that a call attaches or filters by.
func (p params) ownTags() ([]tag, *apiError) {
	tags := p.tags("Tag")
	if len(tags) > 20 {
		return nil, bad("NumberExceed.Tags", "more than 20 tags are given")
	}
	seen := make(map[string]bool)
	for i, t := range tags {
		switch {
		case t.Key == "":
			return nil, bad("MissingParameter.TagKey", "the key of tag %d is missing", i+1)
		case !validTagKey(t.Key):
			return nil, bad("InvalidTagKey.Malformed", "the key of tag %d is not valid", i+1)
		case !validTagValue(t.Value):
			return nil, bad("InvalidTagValue.Malformed", "the value of tag %d is not valid", i+1)
		case seen[t.Key]:
			return nil, bad("Duplicate.TagKey", "the tag key %q is given more than once", t.Key)
		}
		seen[t.Key] = true
	}
	return tags, nil
}

// resourceTags reads and checks the tags that choose instances.
func (p params) resourceTags(most int) ([]tag, *apiError) {
	tags := p.tags("ResourceTag")
	if len(tags) > most {
		return nil, bad("NumberExceed.ResourceTags", "more than %d resource tags are given", most)
	}
	seen := make(map[string]bool)
	for i, t := range tags {
		switch {
		case t.Key == "":
			return nil, bad("MissingParameter.ResourceTagKey", "the key of resource tag %d is missing", i+1)
		case !validTagKey(t.Key):
			return nil, bad("InvalidResourceTagKey.Malformed", "the key of resource tag %d is not valid", i+1)
		case !validTagValue(t.Value):
			return nil, bad("InvalidResourceTagValue.Malformed", "the value of resource tag %d is not valid", i+1)
		case seen[t.Key]:
			return nil, bad("Duplicate.ResourceTagKey", "the resource tag key %q is given more than once", t.Key)
		}
		seen[t.Key] = true
	}
	return tags, nil
}

func validTagKey(key string) bool {
	return utf8.RuneCountInString(key) <= 64 && !strings.HasPrefix(key, "aliyun") &&
		!strings.HasPrefix(key, "acs:") && withoutURL(key)
}

func validTagValue(value string) bool {
	return utf8.RuneCountInString(value) <= 128 && withoutURL(value)
}

func withoutURL(text string) bool {
	return !strings.Contains(text, "http://") && !strings.Contains(text, "https://")
}

// matches reports whether have has every tag of want; a wanted tag without a
// value matches any value.
func matches(have, want []tag) bool {
	for _, w := range want {
		found := false
		for _, h := range have {
			if h.Key == w.Key && (w.Value == "" || h.Value == w.Value) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func tagList(tags map[string]string) []tag {
	out := make([]tag, 0, len(tags))
	for key, value := range tags {
		out = append(out, tag{key, value})
	}
	slices.SortFunc(out, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	return out
}
