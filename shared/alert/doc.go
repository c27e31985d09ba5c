// Package alert delivers alerts to people: it writes what a group of alerts has to
// say as a chat, an incident service or a webhook wants it, posts it once, and
// says what became of it.
//
// It only delivers: its caller decides what a flush holds and when to try again.
// It does not group, delay or limit messages, does not know which of several
// channels got a flush earlier, and follows no redirect. Whatever comes from an
// event is masked, escaped and cut before anybody sees it.
package alert
