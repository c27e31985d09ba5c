package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
)

// archive packs a folder into a zip file, in base64. It keeps the rights of files:
// a function's program must be executable.
func archive(folder string) (string, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if err := w.AddFS(os.DirFS(folder)); err != nil {
		return "", fmt.Errorf("pack %s: %w", folder, err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("pack %s: %w", folder, err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}
