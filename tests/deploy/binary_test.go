package deploy_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// maxBinary is the most bytes of a function's stripped binary.
const maxBinary = 23 << 19 // 11.5 MB of 2^20 bytes

// reflects matches the linker's first line about code that looks a method up by
// a name that is not known before: because of one such call it keeps every
// exported method of every type.
var reflects = regexp.MustCompile(`(?m)^(.*) -> (.*) <ReflectMethod>$`)

// TestTheFunctionsAreSmall builds the functions as the Makefile does, and asks
// the linker what it keeps and why.
func TestTheFunctionsAreSmall(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -dumpdep", "-o", dir+"/", "./functions/...")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	var kept bytes.Buffer
	build.Stderr = &kept
	if err := build.Run(); err != nil {
		t.Fatalf("%v\n%.2000s", err, kept.Bytes())
	}
	if !bytes.Contains(kept.Bytes(), []byte("main.main -> ")) {
		t.Error("the linker does not say what it keeps")
	}
	if m := reflects.FindSubmatch(kept.Bytes()); m != nil {
		t.Errorf("%s looks methods up by name: the linker keeps all of them. It is called by %s", m[2], m[1])
	}
	for _, fn := range mustRead(t).functions {
		info, err := os.Stat(filepath.Join(dir, fn.key))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxBinary {
			t.Errorf("%s has %d bytes, at most %d are allowed", fn.key, info.Size(), maxBinary)
		}
		t.Logf("%s: %d bytes", fn.key, info.Size())
	}
}
