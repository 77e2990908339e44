
/*
 * What a shipper may still do.
 */

#ifndef CAPHEALTH_SHIPPER_CONFINE_H
#define CAPHEALTH_SHIPPER_CONFINE_H


/*
 * For the whole process, before it has another thread and after the
 * certificates were read: as caphealth_confine(), and where the kernel has it,
 * no file is opened but what is needed to resolve a name, to read (Landlock,
 * Linux 5.13), and no TCP connection is made but to the store's port, and to
 * 53 (Linux 6.7).  What the kernel does not offer is left out.
 */
void caphealth_shipper_confine(unsigned port);


#endif /* CAPHEALTH_SHIPPER_CONFINE_H */
