package image

import (
	"context"
	"errors"
	"time"

	"github.com/moby/moby/client"
)

// patience is how long a registry may take for a first word, and for each further one. Where no registry can be reached the engine usually
// knows at once; where packets are swallowed it would try for minutes.
type patience struct{ begins, stalls time.Duration }

func usualPatience() patience { return patience{begins: 10 * time.Second, stalls: time.Minute} }

var errStalled = errors.New("the registry does not answer in time")

// pull lets the engine pull an image, as long as that moves.
func pull(ctx context.Context, docker *client.Client, reference string, p patience, log func(string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(p.begins, func() { cancel(errStalled) })
	defer watchdog.Stop()
	answer, err := docker.ImagePull(ctx, reference, client.ImagePullOptions{})
	if err != nil {
		return pullError(ctx, err)
	}
	defer answer.Close()
	log("pulling " + reference)
	for message, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return pullError(ctx, err)
		}
		if message.Error != nil {
			return message.Error
		}
		watchdog.Reset(p.stalls)
	}
	return pullError(ctx, nil)
}

// pullError prefers why the pull was given up over what it looked like to the client.
func pullError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}
