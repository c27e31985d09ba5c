package cloud

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The files of a data folder, besides those of the services.
const (
	fileMarker      = ".localcloud"
	fileLock        = "lock"
	fileKeys        = "keys.json"
	fileLog         = "functions.log"
	fileEvents      = "events.jsonl"
	FileDeadLetters = "deadletters.jsonl"
	// FileEnvironment is where whoever starts a local cloud can write its
	// addresses. A reset keeps it.
	FileEnvironment = "env"
	// folderDist may hold the functions' code. Their builder writes it.
	folderDist = "dist"
)

const markerText = "This folder was made by a local cloud, which may remove everything in it.\n"

// BusyError says that another local cloud uses a data folder.
type BusyError struct {
	Data string
	PID  int // 0 if it is not known
}

func (e *BusyError) Error() string {
	who := "another local cloud"
	if e.PID != 0 {
		who += " (process " + strconv.Itoa(e.PID) + ")"
	}
	return fmt.Sprintf("%s uses the folder %s: stop it, or give another folder", who, e.Data)
}

// folder is a data folder that only this process uses.
type folder struct {
	dir  string
	lock *os.File
	open []io.Closer
}

// openFolder makes a folder, or opens one that a local cloud made, and locks it.
// The kernel unlocks it when the process ends, in whatever way.
func openFolder(dir string, fresh bool) (*folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the data folder: %w", err)
	}
	if err := claim(dir); err != nil {
		return nil, fmt.Errorf("take the data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, fileLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	f := &folder{dir: dir, lock: lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		busy := &BusyError{Data: dir}
		if text, err := io.ReadAll(lock); err == nil {
			busy.PID, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		lock.Close()
		return nil, busy
	}
	if fresh {
		if err := f.empty(); err != nil {
			return nil, errors.Join(fmt.Errorf("empty the data folder: %w", err), f.close())
		}
	}
	if err := f.sign(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data folder: %w", err), f.close())
	}
	return f, nil
}

// claim makes dir, or checks that a local cloud made it.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	marker := filepath.Join(dir, fileMarker)
	if _, err := os.Stat(marker); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != folderDist {
		return fmt.Errorf("%s is not empty, and was not made by a local cloud: give another folder", dir)
	}
	return os.WriteFile(marker, []byte(markerText), 0o644)
}

// sign writes the process id into the lock, for people.
func (f *folder) sign() error {
	if err := f.lock.Truncate(0); err != nil {
		return err
	}
	_, err := f.lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// empty removes what local clouds made, except the files named in keep.
func (f *folder) empty(keep ...string) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name == fileMarker || name == fileLock || name == folderDist || slices.Contains(keep, name) {
			continue
		}
		if err := os.RemoveAll(f.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// keep makes close close c, too.
func (f *folder) keep(c io.Closer) { f.open = append(f.open, c) }

// close unlocks the folder. It leaves the lock's file: removing it would let two
// processes lock two files of one name.
func (f *folder) close() error {
	var errs []error
	for _, c := range append(f.open, f.lock) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// stored holds the secrets of a data folder.
type stored struct {
	AccessKeyID     string `json:"accessKeyId"`
	AccessKeySecret string `json:"accessKeySecret"`
	DingTalkToken   string `json:"dingTalkToken"`
	DingTalkSecret  string `json:"dingTalkSecret"`
	LarkSecret      string `json:"larkSecret"`
	WebhookSecret   string `json:"webhookSecret"`
}

// keys reads the folder's secrets, or generates and stores them.
func (f *folder) keys() (stored, error) {
	var s stored
	text, err := os.ReadFile(f.path(fileKeys))
	if err == nil {
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("read %s: %w", f.path(fileKeys), err)
		}
		return s, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	s = stored{
		AccessKeyID: "local" + rand.Text()[:16], AccessKeySecret: rand.Text(),
		DingTalkToken: rand.Text(), DingTalkSecret: "SEC" + rand.Text(),
		LarkSecret: rand.Text(), WebhookSecret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(rand.Text()+rand.Text())),
	}
	if text, err = json.MarshalIndent(s, "", "  "); err != nil {
		return s, fmt.Errorf("encode keys: %w", err)
	}
	return s, os.WriteFile(f.path(fileKeys), append(text, '\n'), 0o600)
}
