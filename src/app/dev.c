#include "app/gateway.h"
#include "app/demo.h"
#include "app/control.h"
#include "app/follower.h"
#include <string.h>
#include <stdlib.h>
int control_start(const char *data, struct workers *w, struct control **out){(void)data;(void)w;*out=NULL;return 0;}
void control_stop(struct control *c){(void)c;}
int follower_start(const char *data, const struct record_keys *keys, struct follower **out){(void)data;(void)keys;*out=NULL;return 0;}
void follower_wake(struct follower*f){(void)f;}
void follower_stop(struct follower*f){(void)f;}
int main(int argc,char**argv){
  if(argc<2) return 2;
  if(!strcmp(argv[1],"demo")){struct demo_options o={.keep=argc>2};return demo_run(&o);}
  struct gateway_options g={.ready_fd=-1};
  for(int i=2;i<argc-1;i++){ if(!strcmp(argv[i],"--config")) g.config=argv[i+1]; if(!strcmp(argv[i],"--ready-fd")) g.ready_fd=(int)strtol(argv[i+1],NULL,10);}
  return gateway_run(&g);
}
