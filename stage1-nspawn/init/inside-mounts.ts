export { insideMounts } from '#base/kernel/inside-mounts';
