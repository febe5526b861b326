package mongo

import (
	"context"
	"errors"
	"fmt"
	"testing"

	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/dejahq/deja"
)

func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	unconfirmed := &driver.WriteConcernError{Code: 64, Message: "waiting for replication timed out"}
	for _, c := range []struct {
		err  error
		want deja.Code
	}{
		{nil, ""},
		{deja.Errorf(deja.CodeTooLarge, "as it was"), deja.CodeTooLarge},
		{fmt.Errorf("wrapped: %w", deja.Errorf(deja.CodeTooLarge, "as it was")), deja.CodeTooLarge},
		{errors.New("connection reset"), deja.CodeUnavailable},
		{context.DeadlineExceeded, deja.CodeUnavailable},
		{driver.ErrClientDisconnected, deja.CodeUnavailable},
		{driver.CommandError{Code: 10107, Name: "NotWritablePrimary"}, deja.CodeUnavailable},
		{driver.CommandError{Code: 50, Name: "MaxTimeMSExpired"}, deja.CodeUnavailable},
		{driver.CommandError{Code: 18, Name: "AuthenticationFailed"}, deja.CodeUnavailable},
		{driver.CommandError{Code: 1, Labels: []string{"NetworkError"}}, deja.CodeUnavailable},
		{driver.CommandError{Code: 9, Name: "FailedToParse"}, deja.CodeInternal},
		{driver.CommandError{Code: codeTooLarge}, deja.CodeTooLarge},
		{driver.WriteException{WriteConcernError: unconfirmed}, deja.CodeUnavailable},
		{driver.BulkWriteException{WriteConcernError: unconfirmed}, deja.CodeUnavailable},
		{driver.WriteException{WriteErrors: driver.WriteErrors{{Code: 121}}}, deja.CodeInternal},
		{&malformed{errors.New("a string where a number is")}, deja.CodeInternal},
	} {
		if got := deja.ErrorCode(fail(t.Context(), c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	err := fail(cancelled, errors.New("socket closed"))
	if deja.ErrorCode(err) != deja.CodeCancelled || !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller has left: %v", err)
	}
}
