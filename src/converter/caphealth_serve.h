
/*
 * A converter at work: jobs in, results out, over a socket.
 */

#ifndef CAPHEALTH_SERVE_H
#define CAPHEALTH_SERVE_H


/*
 * Says its version, takes the limits, closes the sandbox, and serves until
 * the peer closes the socket s.  Returns the program's exit code; what went
 * wrong is on stderr.
 */
int caphealth_serve(int s);


#endif /* CAPHEALTH_SERVE_H */
