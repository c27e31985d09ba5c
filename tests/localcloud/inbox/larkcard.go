package inbox

import "fmt"

// Lark's texts: cards have lark_md, where line breaks count, and whose newer kind
// of card has more.
var (
	larkText     = dialect{breaks: true, tag: larkTag}
	larkMarkdown = dialect{breaks: true, links: true, tag: larkTag, spans: []span{{"**", "b"}, {"~~", "s"}, {"*", "i"}}}
	larkRich     = dialect{
		breaks: true, links: true, headings: true, lists: true, quotes: true, tables: true, rules: true, fences: true, code: true,
		tag: larkTag, spans: larkMarkdown.spans,
	}
)

func showLark(body []byte) view {
	message, _ := object(body)
	content := message["content"]
	switch textAt(message, "msg_type") {
	case "interactive":
		return showCard(message["card"])
	case "text":
		return view{Body: larkText.html(textAt(content, "text"))}
	case "post":
		return showPost(at(content, "post"))
	}
	return view{Body: lines(fmt.Sprint(content))}
}

// showCard shows a card of either version of its JSON.
func showCard(card any) view {
	v := view{Title: textAt(card, "header", "title", "content"), Colour: colour(textAt(card, "header", "template"))}
	v.elements(append(listAt(card, "elements"), listAt(card, "body", "elements")...))
	return v
}

func (v *view) elements(list []any) {
	for _, e := range list {
		switch textAt(e, "tag") {
		case "div":
			v.Body += larkObject(at(e, "text"))
			for _, f := range listAt(e, "fields") {
				v.Body += larkObject(at(f, "text"))
			}
		case "markdown":
			v.Body += larkRich.html(textAt(e, "content"))
		case "hr":
			v.Body += "<hr>"
		case "note":
			for _, text := range listAt(e, "elements") {
				v.Body += element("small", larkObject(text))
			}
		case "action":
			v.elements(listAt(e, "actions"))
		case "button":
			v.button(textAt(e, "text", "content"), first(textAt(e, "url"), textAt(e, "multi_url", "url")))
		default:
			v.elements(append(listAt(e, "elements"), listAt(e, "columns")...))
		}
	}
}

// larkObject shows a text object, which is plain_text or lark_md.
func larkObject(text any) markup {
	if textAt(text, "tag") == "plain_text" {
		return lines(textAt(text, "content"))
	}
	return larkMarkdown.html(textAt(text, "content"))
}

// showPost shows a post in the first of its languages that there is.
func showPost(post any) view {
	var v view
	for _, language := range []string{"en_us", "zh_cn", "ja_jp"} {
		content := at(post, language)
		if content == nil {
			continue
		}
		v.Title = textAt(content, "title")
		for _, paragraph := range listAt(content, "content") {
			spans, _ := paragraph.([]any)
			var text markup
			for _, s := range spans {
				switch textAt(s, "tag") {
				case "a":
					text += link(textAt(s, "href"), escaped(textAt(s, "text")))
				case "at":
					text += mention(first(textAt(s, "user_name"), textAt(s, "user_id")))
				default:
					text += escaped(textAt(s, "text"))
				}
			}
			v.Body += element("p", text)
		}
		return v
	}
	return v
}
