package decide

import "fmt"

// GivenUp is a message about alerts that a channel did not take for a day.
type GivenUp struct {
	Channel string `json:"channel"`
	// Flush and Group are the message's id and its group's.
	Flush     string `json:"flush"`
	Group     string `json:"group"`
	Route     string `json:"route"`
	Firing    int    `json:"firing"`
	Recovered int    `json:"recovered"`
	Why       string `json:"why"`
}

// String says it in a sentence.
func (g GivenUp) String() string {
	return fmt.Sprintf("%s took no message of %d alerts and %d recoveries of route %s: %s.", g.Channel, g.Firing, g.Recovered, g.Route, g.Why)
}
