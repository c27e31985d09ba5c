package cloud

import (
	"crypto/rand"
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

// The files of a data folder, beside those of the services.
const (
	fileMarker      = ".localcloud"
	fileLock        = "lock"
	fileKeys        = "keys.json"
	fileLog         = "functions.log"
	fileEvents      = "events.jsonl"
	fileDeadLetters = "deadletters.jsonl"
	// FileEnvironment is for whoever starts a local cloud, to say where it is. A
	// reset keeps it.
	FileEnvironment = "env"
	// folderDist may hold the functions' code. It is their builder's.
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

// folder is a data folder that this process alone uses.
type folder struct {
	dir  string
	lock *os.File
	open []io.Closer
}

// openFolder makes a folder, or takes one that a local cloud made, and locks
// it. The kernel unlocks it when the process ends, however it does.
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

// empty removes what local clouds made, but what keep names.
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

// keep closes c with the folder.
func (f *folder) keep(c io.Closer) { f.open = append(f.open, c) }

// close unlocks the folder. The lock's file stays: removing it would let two
// processes lock two files of one name.
func (f *folder) close() error {
	var errs []error
	for _, c := range append(f.open, f.lock) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// stored is the secrets of a data folder.
type stored struct {
	AccessKeyID     string `json:"accessKeyId"`
	AccessKeySecret string `json:"accessKeySecret"`
	DingTalkToken   string `json:"dingTalkToken"`
	DingTalkSecret  string `json:"dingTalkSecret"`
	LarkSecret      string `json:"larkSecret"`
	WebhookSecret   string `json:"webhookSecret"`
}

// keys reads the folder's secrets, or draws them.
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
		LarkSecret: rand.Text(), WebhookSecret: rand.Text(),
	}
	if text, err = json.MarshalIndent(s, "", "  "); err != nil {
		return s, fmt.Errorf("encode keys: %w", err)
	}
	return s, os.WriteFile(f.path(fileKeys), append(text, '\n'), 0o600)
}
