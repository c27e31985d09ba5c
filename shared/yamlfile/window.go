package yamlfile

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // so that the zones are the same everywhere

	"aftercare/shared/suggest"
	"aftercare/shared/timetable"
)

// zones are names to suggest: the zones of Alibaba Cloud's regions; otherZones
// are other words that people write for a zone.
var (
	zones = []string{
		"Asia/Shanghai", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Kuala_Lumpur", "Asia/Jakarta", "Asia/Manila", "Asia/Bangkok",
		"Asia/Seoul", "Asia/Tokyo", "Asia/Dubai", "Asia/Riyadh", "Asia/Kolkata", "Australia/Sydney", "Europe/Berlin", "Europe/London",
		"America/New_York", "America/Los_Angeles", "America/Mexico_City", "UTC",
	}
	otherZones = map[string]string{
		"CST": "Asia/Shanghai", "+08:00": "Asia/Shanghai", "UTC+8": "Asia/Shanghai", "GMT+8": "Asia/Shanghai", "UTC+08:00": "Asia/Shanghai",
		"Asia/Beijing": "Asia/Shanghai", "Beijing": "Asia/Shanghai", "Z": "UTC", "utc": "UTC",
	}
)

// wrongZone returns what is wrong with the name of a time zone. [53]
func wrongZone(name string) string {
	if strings.Contains(name, "/") || len(name) > 1 && name == strings.ToUpper(name) {
		if _, err := time.LoadLocation(name); err == nil {
			return ""
		}
	}
	meant := otherZones[name]
	for _, zone := range zones {
		if _, city, _ := strings.Cut(zone, "/"); strings.EqualFold(city, name) {
			meant = zone
		}
	}
	if meant = cmp.Or(meant, suggest.Nearest(name, zones)); meant != "" {
		return fmt.Sprintf("there is no time zone %.60q%s", name, suggest.DidYouMean(meant))
	}
	return fmt.Sprintf("there is no time zone %.60q: write a name of the IANA database, such as Asia/Shanghai or UTC", name)
}

// wrongTime returns what is wrong with a time of the day.
func wrongTime(key, text string) string {
	if times.MatchString(text) {
		return ""
	}
	switch {
	case text == "24:00":
		return key + " must be from 00:00 to 23:59: write 00:00, which is the start of the next day"
	case times.MatchString("0" + text):
		return fmt.Sprintf("%s is a time such as 22:30; this is %q%s", key, text, suggest.DidYouMean("0"+text))
	}
	return fmt.Sprintf("%s is a time of the day from 00:00 to 23:59, such as 22:30; this is %.40q", key, text)
}

// Windows finds windows that appear twice in the list at a path.
func (r *Reader) Windows(list []timetable.Window, path string) {
	seen := map[string]int{}
	for i, open := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if !r.Sound(at) || open.From == "" || open.To == "" {
			continue
		}
		same := fmt.Sprint(open)
		if first, ok := seen[same]; ok {
			r.Add(r.Place(at), "this window repeats the one in line %d: remove one", r.Place(fmt.Sprintf("%s[%d]", path, first)).Line)
			continue
		}
		seen[same] = i
	}
}
