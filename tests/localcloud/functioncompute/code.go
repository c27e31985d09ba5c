package functioncompute

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxCode bounds the code of a function in one call, in bytes before encoding.
// Source: https://www.alibabacloud.com/help/en/functioncompute/fc/product-overview/limits
const maxCode = 100 << 20

// unpacked is the code of a call, in a folder of its own.
type unpacked struct {
	dir      string
	checksum string // CRC-64, as Function Compute shows it
	size     int
}

// unpack unpacks the member code of a call. The error is an *APIError if the call
// is to blame.
func (s *Server) unpack(function string, code json.RawMessage) (unpacked, error) {
	var in struct {
		ZipFile string `json:"zipFile"`
	}
	if err := json.Unmarshal(code, &in); err != nil || in.ZipFile == "" {
		return unpacked{}, invalidArgument("code.zipFile is missing: the local Function Compute takes code as a zip file in base64 only, not from OSS")
	}
	text, err := base64.StdEncoding.DecodeString(in.ZipFile)
	if err != nil {
		return unpacked{}, invalidArgument("code.zipFile is not base64")
	}
	files, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return unpacked{}, invalidArgument("code.zipFile is not a zip file")
	}
	dir, err := s.newCodeDir(function)
	if err != nil {
		return unpacked{}, err
	}
	for _, file := range files.File {
		if err := extract(dir, file); err != nil {
			return unpacked{}, invalidArgument("code.zipFile: %v", err)
		}
	}
	sum := crc64.Checksum(text, crc64.MakeTable(crc64.ECMA))
	return unpacked{dir, strconv.FormatUint(sum, 10), len(text)}, nil
}

// newCodeDir makes a folder for code.
func (s *Server) newCodeDir(function string) (string, error) {
	if s.opt.Dir == "" {
		return "", &APIError{Status: 400, Code: "InvalidArgument", Message: "this local Function Compute has no folder for code"}
	}
	if !namePattern.MatchString(function) {
		return "", invalidArgument("functionName '%s' must be 1 to 64 letters, digits, _ and -, and start with a letter or _", function)
	}
	parent := filepath.Join(s.opt.Dir, function)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for code: %w", err)
	}
	return os.MkdirTemp(parent, "code-")
}

// extract writes one file of a zip, with its mode: a function's binary must be
// executable there.
func extract(dir string, file *zip.File) error {
	if !filepath.IsLocal(file.Name) {
		return fmt.Errorf("the file %q is outside its folder", file.Name)
	}
	path := filepath.Join(dir, filepath.FromSlash(file.Name))
	if file.FileInfo().IsDir() {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := file.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	// A process that starts meanwhile would have a copy of the open file until it is
	// another program, and the function could not be started: "text file busy".
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, file.Mode().Perm())
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, maxCode+1))
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil && n > maxCode {
		err = fmt.Errorf("the file %q is larger than %d MB", file.Name, maxCode>>20)
	}
	return err
}
