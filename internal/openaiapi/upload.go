package openaiapi

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/dejahq/deja"
)

const (
	// maxFormOverhead is what a form may have besides the file: boundaries,
	// headers, the name, and fields that are not for us.
	maxFormOverhead = 1 << 20

	// maxFilename is the most characters that a file's name may have; common
	// file systems allow 255.
	maxFilename = 255
)

// upload is a file that was sent, in a temporary file of its own.
type upload struct {
	file     *os.File
	size     int64
	filename string
	name     string // as the form says; may be empty
}

// close removes the temporary file.
func (u *upload) close() {
	if u.file != nil {
		u.file.Close()
		os.Remove(u.file.Name())
	}
}

// receive reads a multipart form with a field file, and maybe a field name, in
// any order. The file goes to disk as it comes, so that memory stays small and
// a format that needs random access has it. The caller closes the upload.
func (a *API) receive(r *http.Request) (*upload, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return nil, reasoned(deja.CodeUnsupported, "unsupported_media_type", "Data sources are uploaded as multipart/form-data, with the file in the field 'file'.")
	}
	body := http.MaxBytesReader(nil, r.Body, a.o.MaxUploadBytes+maxFormOverhead)
	form := multipart.NewReader(body, params["boundary"])
	u := &upload{}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = a.take(u, part)
		}
		if err != nil {
			u.close()
			return nil, a.badForm(r, err)
		}
	}
	if u.file == nil {
		return nil, invalid("file", "missing_required_parameter", "The form has no file in the field 'file'.")
	}
	return u, nil
}

// badForm keeps errors that say what is wrong, and explains the others.
func (a *API) badForm(r *http.Request, err error) error {
	if _, ok := errors.AsType[*deja.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || r.Context().Err() != nil {
		return unreadable(r, err, a.o.MaxUploadBytes)
	}
	e := deja.Wrap(deja.CodeInvalid, errors.Join(reason("invalid_form"), err), "The multipart form is malformed or was cut short.")
	return e
}

// take reads one part of the form. Parts that nobody knows are skipped.
func (a *API) take(u *upload, part *multipart.Part) error {
	defer part.Close()
	switch part.FormName() {
	case "name":
		b, err := io.ReadAll(io.LimitReader(part, 4*maxName+1))
		if err != nil {
			return err
		}
		if u.name, err = sourceName("name", string(b)); err != nil {
			return err
		}
	case "file":
		if u.file != nil {
			return invalid("file", "invalid_value", "The form has two fields 'file'; upload one file at a time.")
		}
		return a.spool(u, part)
	}
	return nil
}

func (a *API) spool(u *upload, part *multipart.Part) error {
	// Browsers of old sent whole paths, some with backslashes.
	u.filename = path.Base(strings.ReplaceAll(part.FileName(), `\`, "/"))
	if part.FileName() == "" {
		return invalid("file", "invalid_value", "The field 'file' has to be a file, with a file name.")
	}
	if !utf8.ValidString(u.filename) || utf8.RuneCountInString(u.filename) > maxFilename || strings.ContainsRune(u.filename, 0) {
		return invalid("file", "invalid_value", "The file's name has to be UTF-8 of at most %d characters.", maxFilename)
	}
	f, err := os.CreateTemp("", "deja-upload-*")
	if err != nil {
		return deja.Wrap(deja.CodeUnavailable, err, "The file can't be kept: there is no place for temporary files.")
	}
	u.file = f
	disk := &diskWriter{f: f}
	u.size, err = io.Copy(disk, io.LimitReader(part, a.o.MaxUploadBytes+1))
	switch {
	case disk.err != nil:
		return deja.Wrap(deja.CodeUnavailable, disk.err, "The file can't be kept: there is no place for temporary files.")
	case err != nil:
		return err
	case u.size > a.o.MaxUploadBytes:
		return reasoned(deja.CodeTooLarge, "file_too_large", "The file is larger than %d bytes.", a.o.MaxUploadBytes).WithParam("file")
	case u.size == 0:
		return invalid("file", "empty_file", "The file is empty.")
	}
	return nil
}

// diskWriter remembers an error of the disk, which is ours; other errors of a
// copy are the client's.
type diskWriter struct {
	f   *os.File
	err error
}

func (w *diskWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	w.err = err
	return n, err
}

// sourceName checks the name of a data source. It is shown to models and
// people, so it has to be a line of text.
func sourceName(param, s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", invalid(param, "invalid_value", "The name of a data source has to be UTF-8 without control characters.")
	case utf8.RuneCountInString(s) > maxName:
		return "", invalid(param, "string_above_max_length", "The name of a data source can have %d characters at most.", maxName)
	}
	return s, nil
}
