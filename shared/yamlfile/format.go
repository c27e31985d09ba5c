package yamlfile

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"aftercare/shared/flow"
)

// version is what the key version must be.
const version = "1"

// Format is one kind of file.
type Format struct {
	// What names such a file in mistakes, for example "a flows file".
	What string
	// List is its main key.
	List string
	// Type is the type of the whole file. Its keys must include version.
	Type reflect.Type
	// Nouns are the words for values of these types in mistakes, with an article;
	// other values are called by their key.
	Nouns map[reflect.Type]string
	// Described are the types that the tag of names.
	Described map[string]reflect.Type
	// Words are the words of keys whose tag words is one of these names.
	Words map[string][]string
	// Synonyms maps keys of other tools to the key with the same meaning, or to a
	// sentence that says what to write. "a step env" is env in a step only.
	Synonyms map[string]string
	// Forms are the format's own forms, beside those of Key.
	Forms map[string]Form
	// Unmeant returns the place in a text of something that the key does not
	// evaluate, in bytes, and the mistake; nil if the format has no such thing.
	Unmeant func(k Key, text string) (at int, mistake string)
	// Shape adds to the schema of a type what its fields do not say; nil if there
	// is nothing to add.
	Shape func(t reflect.Type, schema map[string]any)
	// Title and Description are those of the schema.
	Title, Description string
}

// Form is a rule for the text of a key.
type Form struct {
	// Wrong returns what is wrong with a text; empty if it is right.
	Wrong func(k Key, text string) string
	// Schema describes a text.
	Schema func(k Key) map[string]any
	// Numbers and Truths: a number, or true and false, is a text, too, as it is
	// written.
	Numbers, Truths bool
	// Foreign: the key takes what Unmeant finds elsewhere.
	Foreign bool
	// One: one text can stand in place of a list. Empty: a list may be empty.
	One, Empty bool
}

// Key is one key of a mapping of the file, from the tags of its field: doc is the
// key's meaning; need is what to write if the key is missing, and makes it
// required; zero is what to write instead of 0; words are all possible values, or
// the name of a list of them; range is the least and the greatest value; default
// is the value of an absent key; hint is what to write if the value has another
// type; example is a value for the schema; of names the type whose field of the
// same name is described and checked in the same way. A field with stored:"only" is
// not in the file.
//
// form is the rule for a text: identifier (a name), time (of the day), zone (a
// time zone), text and line (not empty; what else they must be is checked
// elsewhere), or one of the format's own. For a list, one-or-list takes one text
// in place of a list, texts does so, too, and takes numbers and repeated values,
// and any lets the list be empty. A duration with the form seconds has its range
// checked elsewhere. An absent form takes any text.
type Key struct {
	Name, field             string
	doc, Need, Hint, zero   string
	Form, example, fallback string
	words                   []string
	least, most             string
	typ                     reflect.Type
	own                     Form // the format's
}

var (
	durationType = reflect.TypeFor[flow.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

// keysOf lists the keys that a type describes.
func (f *Format) keysOf(t reflect.Type) []Key {
	var keys []Key
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" || field.Tag.Get("stored") == "only" {
			continue // it is not in the file
		}
		tag, need := field.Tag, field.Tag.Get("need")
		if of := f.Described[tag.Get("of")]; of != nil {
			original, _ := of.FieldByName(field.Name)
			tag = original.Tag
		}
		k := Key{
			Name: name, field: field.Name, typ: field.Type,
			doc: tag.Get("doc"), Need: need, Hint: tag.Get("hint"), zero: tag.Get("zero"),
			Form: tag.Get("form"), example: tag.Get("example"), fallback: tag.Get("default"),
			words: strings.Fields(tag.Get("words")), own: forms[tag.Get("form")],
		}
		if own, ok := f.Forms[k.Form]; ok {
			k.own = own
		}
		if list := f.Words[tag.Get("words")]; list != nil {
			k.words = list
		}
		k.least, k.most, _ = strings.Cut(tag.Get("range"), " ")
		if k.most == "" {
			k.least, k.most = strconv.Itoa(math.MinInt32), strconv.Itoa(math.MaxInt32)
		}
		keys = append(keys, k)
	}
	return keys
}

// noun is the word for a value of this key in mistakes.
func (f *Format) noun(k Key) string {
	t := k.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if noun := f.Nouns[t]; noun != "" {
		return noun
	}
	return k.Name
}

// Read reads a file into a value of the format's type. It returns the reader for
// checks that follow; nil if the file is not YAML, or expands to too much. The
// mistakes so far, and all that checks add, are those of report.
func (f *Format) Read(filename string, src []byte, into any) (*Reader, *Report) {
	found := &Report{file: filename}
	s := parse(found, src, f)
	if s == nil {
		return nil, found
	}
	r := &Reader{source: s, keys: map[reflect.Type][]Key{}, values: map[string]value{}, meant: map[string]bool{}}
	r.object(s.root, "", f.What, "begin with version: 1 and "+f.List+":", reflect.ValueOf(into).Elem())
	if r.visits > maxVisits {
		return nil, found
	}
	return r, found
}
