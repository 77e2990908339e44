
/*
 * What a collector or a shipper may still do.
 */

#ifndef CAPHEALTH_CONFINE_H
#define CAPHEALTH_CONFINE_H


/*
 * For the whole process, and before it has another thread: no core file, no
 * new privileges, at most a gigabyte of memory of its own; and, where the
 * kernel has Landlock (Linux 5.13), it cannot execute a program, and
 * cannot read or trace another process.  What the kernel does not offer is left
 * out.
 */
void caphealth_confine(void);


#endif /* CAPHEALTH_CONFINE_H */
