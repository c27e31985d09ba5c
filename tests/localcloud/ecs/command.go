package ecs

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// The types of commands.
const (
	shellType      = "RunShellScript"
	powerShellType = "RunPowerShellScript"
	batType        = "RunBatScript"
)

// The limits of a command's content in base64, by whether the service keeps it.
const (
	keptContent   = 18 << 10
	passedContent = 24 << 10
)

func (s *Server) createCommand(_ context.Context, p params) (map[string]any, *apiError) {
	c, e := readCommand(p, "Base64")
	if e != nil {
		return nil, e
	}
	if !p.has("Name") {
		return nil, bad("MissingParameter.Name", "the parameter Name is required")
	}
	if c.Undecodable {
		return nil, bad("CmdContent.DecodeError", "the content is not base64")
	}
	if encodedSize(c.Content, nil) > keptContent {
		return nil, forbidden("CmdContent.ExceedLimit", "the content is longer than 18 KB in base64")
	}
	if c.Tags, e = p.ownTags(); e != nil {
		return nil, e
	}
	c.ID, c.Kept = s.options.NewCommandID(), true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands[c.ID] = &c
	s.put(bucketCommands, c.ID, c)
	if err := s.commit(); err != nil {
		return nil, internal(err)
	}
	return map[string]any{"CommandId": c.ID}, nil
}

// readCommand reads and checks the parameters that describe a command.
func readCommand(p params, encoding string) (command, *apiError) {
	c := command{
		Name:        p.text("Name"),
		Description: p.text("Description"),
		Type:        p.text("Type"),
		Content:     []byte(p.text("CommandContent")),
		WorkingDir:  p.text("WorkingDir"),
	}
	switch {
	case c.Type == "":
		return c, bad("MissingParameter.Type", "the parameter Type is required")
	case c.Type != shellType && c.Type != batType && c.Type != powerShellType:
		return c, notFound("InvalidCmdType.NotFound", "the command type %q does not exist", c.Type)
	case len(c.Content) == 0:
		return c, bad("MissingParameter.CommandContent", "the parameter CommandContent is required")
	case utf8.RuneCountInString(c.Name) > 128:
		return c, forbidden("CmdName.ExceedLimit", "the name is longer than 128 characters")
	case utf8.RuneCountInString(c.Description) > 512:
		return c, forbidden("CmdDesc.ExceedLimit", "the description is longer than 512 characters")
	}
	if e := checkWorkingDir(c.WorkingDir); e != nil {
		return c, e
	}
	if e := checkLauncher(p); e != nil {
		return c, e
	}
	// Any other value means the action's default.
	for _, known := range []string{"PlainText", "Base64"} {
		if strings.EqualFold(p.text("ContentEncoding"), known) {
			encoding = known
		}
	}
	if encoding == "Base64" {
		decoded, err := base64.StdEncoding.DecodeString(string(c.Content))
		if c.Undecodable = err != nil; !c.Undecodable {
			c.Content = decoded
		}
	}
	var e *apiError
	if c.EnableParameter, e = p.boolean("EnableParameter"); e != nil {
		return c, e
	}
	if c.EnableParameter {
		if e := checkDefined(c.Content); e != nil {
			return c, e
		}
	}
	c.Timeout, e = p.number("Timeout", 60)
	return c, e
}

func checkWorkingDir(dir string) *apiError {
	if utf8.RuneCountInString(dir) > 200 || strings.ContainsRune(dir, 0) {
		return bad("InvalidParameter.WorkingDir", "the working directory is longer than 200 characters or holds a zero byte")
	}
	return nil
}

func checkLauncher(p params) *apiError {
	switch launcher := p.text("Launcher"); {
	case len(launcher) > 1<<10:
		return forbidden("InvalidLauncher.LengthLimitExceeded", "the launcher is longer than 1 KB")
	case launcher != "":
		return notImitated("the parameter Launcher")
	}
	return nil
}

// encodedSize returns the length in base64 of a content and its parameters.
func encodedSize(content []byte, parameters map[string]string) int {
	size := len(content)
	for name, value := range parameters {
		size += len(name) + len(value)
	}
	return base64.StdEncoding.EncodedLen(size)
}
