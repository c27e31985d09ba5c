package tablestore

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/common"

	"aftercare/tests/localcloud/access"
)

// The headers of a request and of an answer.
const (
	headerPrefix      = "x-ots-"
	headerDate        = "x-ots-date"
	headerVersion     = "x-ots-apiversion"
	headerKeyID       = "x-ots-accesskeyid"
	headerInstance    = "x-ots-instancename"
	headerMD5         = "x-ots-contentmd5"
	headerToken       = "x-ots-ststoken"
	headerCompress    = "x-ots-request-compress-type"
	headerSignature   = "x-ots-signature"
	headerSignatureV4 = "x-ots-signaturev4"
	headerSignRegion  = "x-ots-signregion"
	headerSignDate    = "x-ots-signdate"
	headerRequestID   = "x-ots-requestid"
	headerContentType = "x-ots-contenttype"

	apiVersion = "2015-12-31"
)

// authenticate verifies a request and returns the secret that signed it.
func authenticate(r *http.Request, body []byte, keys *access.Keys) (string, error) {
	for _, name := range []string{headerDate, headerVersion, headerKeyID, headerInstance, headerMD5} {
		if r.Header.Get(name) == "" {
			return "", errParameter("Missing header: '%s'.", name)
		}
	}
	if version := r.Header.Get(headerVersion); version != apiVersion {
		return "", errParameter("Invalid API version: %s.", version)
	}
	// The part after the seconds varies: one SDK writes month and day there.
	date := r.Header.Get(headerDate)
	if _, err := time.Parse("2006-01-02T15:04:05", date[:min(len(date), 19)]); err != nil || !strings.HasSuffix(date, "Z") {
		return "", errParameter("Invalid date format: %s.", date)
	}
	secret, err := keys.Secret(r.Header.Get(headerKeyID), r.Header.Get(headerToken))
	switch {
	case errors.Is(err, access.ErrWrongToken):
		return "", errAuth("The security token is invalid.")
	case err != nil:
		return "", errAuth("The AccessKeyID does not exist.")
	}
	if err := verify(r, secret); err != nil {
		return "", err
	}
	sum := md5.Sum(body)
	if r.Header.Get(headerMD5) != base64.StdEncoding.EncodeToString(sum[:]) {
		return "", errAuth("Mismatch between MD5 value of request body and x-ots-contentmd5 in header.")
	}
	return secret, nil
}

// verify checks the request's signature: version 4 if it has one, else 1.
func verify(r *http.Request, secret string) error {
	text := r.URL.Path + "\n" + r.Method + "\n\n" + canonicalHeaders(r.Header)
	var said, want string
	if said = r.Header.Get(headerSignatureV4); said != "" {
		region, date := r.Header.Get(headerSignRegion), r.Header.Get(headerSignDate)
		if region == "" {
			return errParameter("Missing header: '%s'.", headerSignRegion)
		}
		if date == "" {
			return errParameter("Missing header: '%s'.", headerSignDate)
		}
		derived := common.FinalSigningKeyString(secret, date, region, "ots", "HmacSHA256")
		want = sign(sha256.New, derived, text+common.V4_SIGNATURE_SALT)
	} else {
		if said = r.Header.Get(headerSignature); said == "" {
			return errParameter("Missing header: '%s'.", headerSignature)
		}
		want = sign(sha1.New, secret, text)
	}
	if !hmac.Equal([]byte(said), []byte(want)) {
		return errAuth("Signature mismatch.")
	}
	return nil
}

func sign(algorithm func() hash.Hash, key, text string) string {
	h := hmac.New(algorithm, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Sign signs a request with this body as the SDKs do, in version 1.
func Sign(r *http.Request, body []byte, instance string, key access.Key, now time.Time) {
	sum := md5.Sum(body)
	r.Header.Set(headerDate, now.UTC().Format("2006-01-02T15:04:05.000Z"))
	r.Header.Set(headerVersion, apiVersion)
	r.Header.Set(headerKeyID, key.ID)
	r.Header.Set(headerInstance, instance)
	r.Header.Set(headerMD5, base64.StdEncoding.EncodeToString(sum[:]))
	text := r.URL.Path + "\n" + r.Method + "\n\n" + canonicalHeaders(r.Header)
	r.Header.Set(headerSignature, sign(sha1.New, key.Secret, text))
}

// canonicalHeaders returns the sorted "name:value" lines to sign.
func canonicalHeaders(header http.Header) string {
	var lines []string
	for name, values := range header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, headerPrefix) && name != headerSignature && name != headerSignatureV4 && len(values) == 1 {
			lines = append(lines, name+":"+strings.TrimSpace(values[0])+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// signAnswer sets the headers of an answer that some SDKs verify.
func signAnswer(header http.Header, path, keyID, secret, requestID string, body []byte, now time.Time) {
	sum := md5.Sum(body)
	header.Set(headerRequestID, requestID)
	header.Set(headerDate, now.UTC().Format("2006-01-02T15:04:05.000Z"))
	header.Set(headerMD5, base64.StdEncoding.EncodeToString(sum[:]))
	header.Set(headerContentType, "protocol buffer")
	if secret != "" {
		header.Set("Authorization", "OTS "+keyID+":"+sign(sha1.New, secret, canonicalHeaders(header)+path))
	}
}
